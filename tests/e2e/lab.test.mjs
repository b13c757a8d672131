// The fault lab: each control breaks what it names, and the answer is complete. The plain reader beside it loses text.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startControl } from "../../scripts/lib/control.mjs";
import { Supervisor } from "../../scripts/lib/supervisor.mjs";
import { ChatPage } from "./lib/browser.mjs";
import { serverProgram, Truth, www } from "./lib/server.mjs";
import { assertWhole, opensStream, REJOIN, stage } from "./lib/stage.mjs";

const set = stage("--heartbeat-ms", "500");
const LONG = "At length. /tokens 200 /rate 100";

/** Stops the first stream of each message here, so that its middle lasts as long as a test needs. The task itself goes on. */
const held = (seen) => (opensStream(seen) && seen.method === "POST" && seen.nth === 0 ? { kind: "half-open", at: 3000 } : undefined);

/** Waits until the plain reader shows text as well. */
async function peerGrown(page) {
  await page.page.waitForFunction(() => document.querySelector('[data-testid="peer-answer"]')?.textContent.length > 50);
}

/** Ends the streams of both readers as if they were complete. The plain reader takes its answer for complete, which it is not. */
async function endEarly(page) {
  await page.send(LONG);
  await page.grown(100);
  await peerGrown(page);
  await page.press("fault-end");
  await page.page.waitForSelector('[data-testid="peer-claim"][data-claim="complete"]');
  await page.verdict("own", "true");
  await page.verdict("peer", "lost");
}

/** Returns the shapes of one kind in a lane of the timeline. */
function shapes(page, kind, lane = "own") {
  return page.page.locator(`[data-testid="lane-${lane}"] [data-kind="${kind}"]`);
}

describe("a fault of the lab leaves the answer whole", { concurrency: 4 }, () => {
  for (const [name, control] of [["a cut", "fault-cut"], ["an end of file", "fault-end"], ["a connection that falls silent", "fault-half-open"]]) {
    test(name, () =>
      set.scene(held, async (scene) => {
        await scene.page.send(LONG);
        await scene.page.grown(100);
        await scene.page.press(control);
        await scene.page.reconnected();
        await scene.page.settled();
        await assertWhole(scene);
      }));
  }

  test("a cut after so many bytes, once", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.page.fill('[data-testid="cut-after-bytes"]', "2500");
      await scene.page.press("fault-cut-after");
      await scene.page.send("Quickly. /tokens 100 /rate 0");
      await scene.page.settled();
      assert.equal(await scene.page.metric("reconnects"), 1);
      await assertWhole(scene);
    }));

  test("a cut every second", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.send("At length. /tokens 600 /rate 70");
      // A message that is lost in a cut is sent once more.
      await scene.page.grown(20);
      await scene.page.press("fault-cut-every-second");
      await scene.page.reconnected(2);
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("frames of garbage, which are counted", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.send("At length. /tokens 600 /rate 60");
      await scene.page.grown(100);
      await scene.page.press("fault-garbage");
      await scene.page.settled();
      assert.ok((await scene.page.metric("malformed")) >= 3);
      assert.equal(await scene.page.metric("unknown"), 1);
      await assertWhole(scene);
    }));

  test("a slow network", () =>
    set.scene(undefined, async (scene) => {
      await scene.page.press("fault-slow");
      await scene.page.send("Briefly. /tokens 60 /rate 0");
      await scene.page.settled();
      await assertWhole(scene);
    }));

  test("a backend that replays from the start: duplicates are dropped, counted and drawn", () =>
    set.scene(held, async (scene) => {
      await scene.page.press("fault-forgetful");
      await scene.page.send(LONG);
      await scene.page.grown(200);
      await scene.page.press("fault-cut");
      await scene.page.reconnected();
      await scene.page.settled();
      await assertWhole(scene);
      assert.ok((await scene.page.metric("duplicates")) > 0);
      await shapes(scene.page, "dropped").first().waitFor();
    }));

  test("a second tab, which shows the same over the same connection", () =>
    set.scene(undefined, async ({ page, proxy, truth }) => {
      await page.send("At length. /tokens 1000 /rate 60");
      await page.grown(100);
      const [opened] = await Promise.all([page.page.context().waitForEvent("page"), page.press("fault-tab")]);
      const second = new ChatPage(opened, proxy.url);
      await second.shown("message-input");
      await second.grown(100);
      assert.equal(proxy.streaming, 1, "connections that carry the stream");
      assert.match(await opened.textContent('[data-testid="timeline-facts"]'), /another tab/);
      await page.settled();
      await second.settled();
      await assertWhole({ page: second, proxy, truth });
    }));
});

test("what breaks the connection is folded away until it is called, and stays as it was", async () => {
  const context = await set.browser.newContext();
  const one = new ChatPage(await context.newPage(), set.server.url);
  await one.visit();
  const panel = one.page.locator('[data-testid="fault-cut"]');
  assert.equal(await panel.isVisible(), false);
  await one.click("open-lab");
  await panel.waitFor();
  await one.page.reload();
  await panel.waitFor();
  await one.click("close-lab");
  await panel.waitFor({ state: "hidden" });
  assert.deepEqual(one.problems, []);
  await context.close();
});

describe("beside another reader", { concurrency: 3 }, () => {
  test("both are true where nothing fails", () =>
    set.scene(undefined, async ({ page }) => {
      await page.press("compare");
      await page.send("Briefly. /tokens 40 /rate 200");
      await page.verdict("own", "true");
      await page.verdict("peer", "true");
    }));

  test("an end of file is shown as complete there, and is not here", () =>
    set.scene(held, async ({ page }) => {
      await page.press("compare");
      await endEarly(page);
    }));

  test("a cut has the message sent again there, and rejoined here", () =>
    set.scene(held, async ({ page, proxy }) => {
      await page.press("compare");
      await page.send("Briefly. /tokens 100 /rate 0");
      await page.grown(100);
      await peerGrown(page);
      await page.press("fault-cut");
      await page.verdict("own", "true");
      await page.verdict("peer", "doubled");
      assert.ok(proxy.count("GET", REJOIN) >= 1);
      await shapes(page, "cut", "peer").first().waitFor();
    }));

  test("useChat with its own transport takes an end of file for the end", () =>
    set.scene(held, async ({ page }) => {
      await page.press("compare");
      await page.press("peer-useChat");
      await endEarly(page);
      await shapes(page, "cut", "peer").first().waitFor();
    }));

  test("its sessions are no chats of the person's", () =>
    set.scene(undefined, async ({ page, truth }) => {
      await page.press("compare");
      const before = (await truth.sessions()).length;
      await page.send("Briefly. /tokens 5 /rate 0");
      await page.verdict("peer", "true");
      assert.ok((await truth.sessions()).length >= before + 2);
      const peers = await page.page.evaluate(() => JSON.parse(localStorage.getItem("rejoin_demo_peer_sessions")));
      await page.page.reload();
      await page.shown("session");
      const listed = await page.page.$$eval('[data-testid="session"]', (all) => all.map((one) => one.dataset.id));
      assert.ok(peers.length > 0 && peers.every((id) => !listed.includes(id)));
    }));
});

describe("the timeline", { concurrency: 3 }, () => {
  test("draws connections, cuts and rejoins, and says the cursor", () =>
    set.scene(held, async ({ page }) => {
      await page.send(LONG);
      await page.grown(100);
      await page.press("fault-cut");
      await page.reconnected();
      await page.settled();
      await shapes(page, "rejoin").first().waitFor();
      await shapes(page, "cut").first().waitFor();
      assert.ok((await shapes(page, "connection").count()) >= 2);
      assert.match(await page.page.textContent('[data-testid="cursor"]'), /^\d+-\d+$/);
    }));

  test("describes the event under the pointer, and the one that the arrow keys select", () =>
    set.scene(held, async ({ page }) => {
      await page.send(LONG);
      await page.grown(50);
      await page.press("fault-cut");
      await page.settled();
      await shapes(page, "cut").first().hover();
      await page.page.waitForFunction(() => /broke/.test(document.querySelector('[data-testid="timeline-told"]').textContent));
      await shapes(page, "connection").first().focus();
      await page.page.keyboard.press("End");
      assert.match(await page.page.evaluate(() => document.activeElement.getAttribute("aria-label")), /\S/);
      await page.page.keyboard.press("Home");
      await page.page.waitForFunction(() => /Message sent: .* bytes/.test(document.querySelector('[data-testid="timeline-told"]').textContent));
    }));

  test("folds, and stays folded", () =>
    set.scene(undefined, async ({ page }) => {
      await page.send("Briefly. /tokens 5 /rate 0");
      await page.shown("timeline-picture");
      await page.click("timeline-toggle");
      assert.equal(await page.page.$('[data-testid="timeline-picture"]'), null);
      await page.page.reload();
      await page.shown("timeline-toggle");
      assert.equal(await page.page.getAttribute('[data-testid="timeline-toggle"]', "aria-expanded"), "false");
    }));
});

test("20,000 chunks are replayed, and how long that took is said", () =>
  set.scene(undefined, async ({ page, truth }) => {
    await page.press("replay");
    const result = await page.page.waitForSelector('[data-testid="replay-result"][data-state="done"]');
    const [, chunks] = /with ([\d,]+) chunks in [\d,]+ ms: \d+ frames dropped/.exec(await result.textContent()) ?? [];
    assert.ok(Number(chunks?.replaceAll(",", "")) >= 20_000);
    assert.deepEqual(await page.answers(), [await truth.answer(await page.chat())]);
  }));

describe("where `npm start` supervises the server", () => {
  /** Starts a supervised server, and a page that knows its control. */
  async function supervised(play) {
    const folder = mkdtempSync(join(tmpdir(), "rejoin-lab-"));
    const announceIn = join(folder, "lab.json");
    const key = "a key of the tests";
    const flags = ["--listen", "127.0.0.1:0", "--store", `embedded:${join(folder, "store.redb")}`, "--www", www, "--heartbeat-ms", "500", "--drain-seconds", "1"];
    const supervisor = new Supervisor(serverProgram(), flags, { env: { ...process.env, RUST_LOG: "off", CHAT_INTERNAL_API_KEY: key } });
    await supervisor.start();
    const control = await startControl({ supervisor, key, basePath: "/api/chat", announceIn });
    const prepare = (page) => page.route("**/lab.json", (route) => route.fulfill({ path: announceIn }));
    const page = await ChatPage.open(set.browser, supervisor.url, { prepare });
    try {
      await play({ page, supervisor, truth: new Truth(supervisor.url), announced: JSON.parse(readFileSync(announceIn, "utf8")) });
    } finally {
      await page.close();
      control.close();
      await supervisor.stop();
      rmSync(folder, { recursive: true });
    }
  }

  test("it really restarts: a job in the background survives it, and goes on when it is finished", () =>
    supervised(async ({ page, truth }) => {
      await page.send("Make the report. /operation nightly_report /tokens 20");
      await page.page.waitForSelector('[data-testid="tool-call"][data-state="operation"]');
      await page.press("fault-restart");
      await page.reconnected();
      await page.status("streaming");
      await page.press("finish-operation");
      await page.status("completed");
      assert.deepEqual(await page.answers(), [await truth.answer(await page.chat())]);
      assert.deepEqual(page.problems, []);
    }));

  test("an answer that the restart interrupted is said to be so, with all that was stored", () =>
    supervised(async ({ page, truth }) => {
      await page.send("Slowly. /tokens 2000 /rate 40");
      await page.grown(100);
      await page.press("fault-restart");
      assert.equal(await page.failureCode(), "INTERRUPTED");
      await page.status("error");
      assert.deepEqual(await page.answers(), [await truth.answer(await page.chat())]);
    }));

  test("its control answers nobody without the token, and no other origin", () =>
    supervised(async ({ supervisor, announced: { control, token } }) => {
      const ask = (headers) => fetch(`${control}/restart`, { method: "POST", headers }).then(({ status }) => status);
      assert.equal(await ask({ origin: supervisor.url }), 401);
      assert.equal(await ask({ "x-lab-token": token }), 403);
      assert.equal(await ask({ origin: "https://elsewhere.example", "x-lab-token": token }), 403);
    }));
});
