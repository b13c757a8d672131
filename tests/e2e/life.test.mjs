// The life of a page: reloads, pages that are closed and opened again, stop, two chats at once, no network.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChatPage } from "./lib/browser.mjs";
import { assertWhole, inTurn, opensStream, stage } from "./lib/stage.mjs";

const set = stage();
const SLOW = "Take your time. /tokens 200 /rate 100";

/**
 * Stops the first stream here, so that the middle of the answer lasts as long as a test needs, even on a slow machine. The test
 * breaks the connection well before it would count as stalled.
 */
const HELD = { kind: "half-open", at: 3000 };

describe("a page", { concurrency: 4 }, () => {
  test("without any fault shows the stored answer, with one request for its stream", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.send("How are you?  /tokens 50 /rate 200");
      await scene.page.settled();
      await assertWhole(scene);
      assert.equal(scene.proxy.seen.filter(opensStream).length, 1);
    }));

  test("reloaded in the middle of an answer shows all of it", () =>
    set.scene(inTurn(HELD), async (scene) => {
      await scene.page.send(SLOW);
      await scene.page.grown(100);
      await scene.page.page.reload();
      await scene.page.grown(100);
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("reloaded again and again still shows all of it", () =>
    set.scene(inTurn(HELD, HELD, HELD), async (scene) => {
      await scene.page.send(SLOW);
      for (const length of [50, 60, 70]) {
        await scene.page.grown(length);
        await scene.page.page.reload();
      }
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("reloaded by the fault lab, and cut by it", () =>
    set.scene(inTurn(HELD), async (scene) => {
      await scene.page.send(SLOW);
      await scene.page.grown(100);
      await scene.page.click("fault-cut");
      await scene.page.reconnected();
      await scene.page.click("fault-reload");
      await scene.page.shown("loading", "answer");
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("closed, and opened again before the answer has ended", () =>
    set.scene(inTurn(HELD), async ({ proxy, page, truth }) => {
      await page.send(SLOW);
      const chat = await page.chat();
      await page.grown(100);
      const context = page.page.context();
      await page.page.close();
      const again = await ChatPage.open(set.browser, proxy.url, { context, chat });
      await again.settled();
      await assertWhole({ proxy, page: again, truth });
      assert.deepEqual(again.problems, []);
    }));

  test("closed, and opened again on another device after the answer has ended", () =>
    set.scene(undefined, async ({ proxy, page, truth }) => {
      await page.send("Quick. /tokens 60 /rate 100");
      const chat = await page.chat();
      await page.grown(20);
      await page.page.close();
      const task = (await truth.session(chat)).active_stream?.task_id;
      await ended(truth, chat);
      const again = await ChatPage.open(set.browser, proxy.url, { chat });
      await again.settled();
      await assertWhole({ proxy, page: again, truth });
      if (task) assert.equal((await truth.task(task)).status, "completed");
      await again.close();
    }));

  test("reloaded after the end shows tools and text as before", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.send("Look it up. /reasoning /tool search /tokens 30 /rate 0");
      await scene.page.settled();
      const before = await scene.page.page.$$eval('[data-testid="tool-input"] pre, [data-testid="tool-output"] pre', (all) => all.map((one) => one.textContent));
      await scene.page.page.reload();
      await scene.page.settled();
      const after = await scene.page.page.$$eval('[data-testid="tool-input"] pre, [data-testid="tool-output"] pre', (all) => all.map((one) => one.textContent));
      assert.equal(before.length, 2);
      assert.deepEqual(after, before);
      await assertWhole(scene);
    }));

  test("goes through several turns, faults between them", () =>
    set.scene(undefined, async (scene) => {
      for (const turn of [1, 2, 3]) {
        await scene.page.send(`yes /tokens 60 /rate 100`);
        await scene.page.grown(30);
        await scene.page.click("fault-cut");
        await scene.page.settled(turn);
      }
      await assertWhole(scene, { turns: 3 });
      await scene.page.page.reload();
      await scene.page.settled(3);
      await assertWhole(scene, { turns: 3 });
    }));
});

describe("stop", { concurrency: 4 }, () => {
  test("cancels the task at the server; a reload does not bring it back", () =>
    set.scene(undefined, async ({ page, truth }) => {
      await page.send("Go on and on. /tokens 5000 /rate 100");
      await page.grown(100);
      const chat = await page.chat();
      const { task_id } = (await truth.session(chat)).active_stream;
      await page.click("stop");
      await page.status("stopped");
      await ended(truth, chat);
      assert.equal((await truth.task(task_id)).status, "cancelled");
      const stored = await truth.answer(chat);
      await page.page.reload();
      await page.settled();
      assert.deepEqual(await page.answers(), [stored]);
    }));

  test("while the connection is away is done when it is back", () =>
    set.scene(undefined, async ({ page, truth, proxy }) => {
      await page.send("Go on and on. /tokens 5000 /rate 100");
      await page.grown(100);
      const chat = await page.chat();
      const { task_id } = (await truth.session(chat)).active_stream;
      await proxy.down();
      await page.status("reconnecting");
      await page.click("stop");
      await proxy.up();
      await ended(truth, chat);
      assert.equal((await truth.task(task_id)).status, "cancelled");
    }));

  test("leaves room for the next message", () =>
    set.scene(undefined, async ({ page, truth }) => {
      await page.send("Go on and on. /tokens 5000 /rate 100");
      await page.grown(50);
      await page.click("stop");
      await page.status("stopped");
      await page.send("Now briefly. /tokens 20 /rate 100");
      await page.status("completed");
      const answers = await page.answers();
      assert.equal(answers.length, 2);
      assert.equal(answers[1], await truth.answer(await page.chat()));
    }));
});

describe("two chats", () => {
  test("stream at once, each to its own page", () =>
    set.scene(undefined, async ({ page, truth, proxy }) => {
      await page.send("The first. /tokens 250 /rate 100");
      await page.grown(50);
      const first = await page.chat();
      await page.click("new-chat");
      await page.shown("new-chat-page");
      await page.send("The second. /unicode /tokens 100 /rate 100");
      await page.grown(50);
      const second = await page.chat();
      await page.click("fault-cut");
      for (const chat of [second, first]) {
        await page.page.click(`[data-testid="session"][data-id="${chat}"]`);
        await page.page.waitForFunction((id) => location.hash.endsWith(id), chat);
        await page.settled();
        assert.deepEqual(await page.answers(), [await truth.answer(chat)]);
      }
      assert.equal(proxy.count("POST", /\/stream$/), 2);
    }));

  test("are listed newest first, with their titles", () =>
    set.scene(undefined, async ({ page, truth }) => {
      for (const text of ["An older one /tokens 3", "A newer one /tokens 3"]) {
        await page.visit();
        await page.send(text);
        await page.settled();
      }
      await page.page.reload();
      await page.shown("session");
      const shown = await page.page.$$eval('[data-testid="session"]', (all) => all.map((one) => one.dataset.id));
      const stored = (await truth.sessions()).map(({ id }) => id);
      assert.deepEqual(shown.filter((id) => stored.includes(id)).length, shown.length);
      assert.match(await page.page.textContent('[data-testid="session"] .session-title'), /A newer one/);
    }));
});

describe("two tabs", () => {
  test("show one answer over one connection, and the second goes on when the first is closed", () =>
    set.scene(undefined, async ({ page, proxy, truth }) => {
      await page.send("At length. /tokens 1000 /rate 100");
      await page.grown(50);
      const second = await ChatPage.open(set.browser, proxy.url, { context: page.page.context(), chat: await page.chat() });
      await second.grown(100);
      assert.equal(proxy.streaming, 1, "connections that carry the stream");
      await page.page.close();
      await second.settled();
      await assertWhole({ page: second, proxy, truth });
      assert.deepEqual(second.problems, []);
    }));
});

describe("no network", { concurrency: 2 }, () => {
  test("for five seconds by the fault lab: the answer is whole when it is back", () =>
    set.scene(inTurn(HELD), async (scene) => {
      await scene.page.send(SLOW);
      await scene.page.grown(100);
      await scene.page.click("fault-offline");
      await scene.page.reconnected();
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("by the browser itself: nothing is tried while it is away", () =>
    set.scene(inTurn(HELD), async (scene) => {
      await scene.page.send(SLOW);
      await scene.page.grown(100);
      await scene.page.page.context().setOffline(true);
      await scene.page.click("fault-cut");
      await scene.page.status("reconnecting");
      await ended(scene.truth, await scene.page.chat());
      await scene.page.page.context().setOffline(false);
      await scene.page.settled();
      await assertWhole(scene);
    }));
});

/** Waits until the session's task has ended, by reading its stream to the end. */
async function ended(truth, chat) {
  const task = (await truth.session(chat)).active_stream?.task_id;
  if (!task) return;
  const response = await fetch(`${truth.base}/tasks/${task}/stream`);
  await response.text();
}
