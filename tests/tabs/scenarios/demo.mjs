// A person's actions in the demo: other versions, messages that wait or were not sent, files, tools that ask, and a second tab.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const REFUSED = { kind: "answer", status: 400, headers: { "content-type": "application/json" }, body: '{"detail":{"code":"INVALID_REQUEST","message":"no"}}' };

/** Returns whether the demo shows an answer with another id than `before`. */
const isOther = (before) => document.querySelector('[data-testid="answer"]')?.dataset.id !== before;

export function demo(set, { engine }) {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "rejoin-files-"));
    writeFileSync(join(folder, "dot.png"), PICTURE, "base64");
    writeFileSync(join(folder, "notes.txt"), "Grüße");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /**
   * Plays with a chat of the demo. Checks in the end that it shows what the server has stored, and that no error reached the
   * page.
   */
  async function scene(name, play) {
    await set.behindProxy(async ({ stage, session, proxy }) => {
      const tab = await stage.demo(session);
      const assertStored = async (count, shownIn = tab) => {
        await shownIn.settled(count);
        const { messages, active_stream } = await stage.site.truth.session(session);
        const stored = messages.filter(({ role }) => role !== "tool").map(({ role, content }) => `${role}: ${content}`);
        assert.equal(active_stream, null);
        assert.deepEqual(await shownIn.messages(), stored);
        assert.deepEqual(await shownIn.problems(), []);
      };
      const picture = (what) => tab.picture(`${engine.name}-${name}-${what}`);
      await play({ stage, session, proxy, tab, assertStored, picture });
      await picture("end");
    });
  }

  test("the demo regenerates an answer, and its question stays once", () =>
    scene("regenerate", async ({ tab, assertStored }) => {
      await tab.send("Once more. /tokens 20 /rate 0");
      await assertStored(2);
      const before = await tab.run(() => document.querySelector('[data-testid="answer"]').dataset.id);
      await tab.press("regenerate");
      await tab.sees(isOther, before);
      await assertStored(2);
    }));

  test("the demo replaces a question that is edited, and all after it", () =>
    scene("edit", async ({ tab, assertStored, picture }) => {
      await tab.send("First. /tokens 10 /rate 0");
      await assertStored(2);
      await tab.press("edit");
      await tab.shows('[data-testid="cancel-edit"]');
      await picture("editing");
      await tab.send("Second. /tokens 12 /rate 0");
      await tab.sees(() => document.querySelector('[data-testid="question"]').textContent.startsWith("Second."));
      await assertStored(2);
    }));

  test("the demo sends a message that waits after the answer, and lets one be removed", () =>
    scene("queue", async ({ tab, assertStored, picture }) => {
      await tab.send("Long. /tokens 60 /rate 30");
      await tab.shows('[data-testid="status"][data-status="streaming"]');
      await tab.send("Short. /tokens 5 /rate 0");
      await tab.send("Never mind.");
      await tab.sees(() => document.querySelectorAll('[data-delivery="queued"]').length === 2);
      await picture("waiting");
      await tab.click('[data-testid="question"]:last-child [data-testid="remove"]');
      await assertStored(4);
    }));

  test("the demo shows files before they are sent, and with their message after a reload", () =>
    scene("files", async ({ tab, assertStored, picture }) => {
      await tab.attach(join(folder, "dot.png"), join(folder, "notes.txt"));
      await tab.shows('[data-testid="attached"] img[src^="blob:"]');
      await picture("attached");
      await tab.send("What is this? /tokens 10 /rate 0");
      const areThere = () => document.querySelector('[data-testid="question"] img[alt="dot.png"]')?.naturalWidth === 1 && document.querySelector('[data-testid="question"] .attachment')?.textContent === "notes.txt";
      await tab.sees(areThere);
      await assertStored(2);
      await tab.reload();
      await tab.sees(areThere);
      await assertStored(2);
    }));

  test("the demo gives a tool the time and lets another run, in the same answers", () =>
    scene("tools", async ({ tab, assertStored, picture }) => {
      await tab.send("Look. /client-tool clock /rate 0");
      await tab.shows('[data-testid="client-tool"]');
      await picture("client-tool");
      await tab.click('[data-testid="client-tool"] button');
      await assertStored(2);
      await tab.send("Act. /approve act /rate 0");
      await tab.shows('[data-testid="approval"]');
      await picture("approval");
      await tab.click('[data-testid="approval"] button');
      await assertStored(4);
    }));

  test("the demo copies an answer", () =>
    scene("copy", async ({ tab, assertStored, picture }) => {
      await tab.send("Say something. /tokens 8 /rate 0");
      await assertStored(2);
      await tab.click('[data-testid="answer"] .actions .quiet');
      await tab.sees(() => document.querySelector('[data-testid="answer"] .actions').textContent.includes("Copied"));
      await picture("copied");
      const [, answer] = await tab.messages();
      assert.equal(`assistant: ${await tab.pasted()}`, answer);
    }));

  test("the demo tries an answer again that has failed", () =>
    scene("retry", async ({ tab, session, stage, picture }) => {
      await tab.send("Break. /tokens 40 /rate 0 /error 10");
      await tab.shows('[data-testid="failure"]');
      await picture("failed");
      const { messages: before } = await stage.site.truth.session(session);
      await tab.press("retry");
      await tab.sees(isOther, before.at(-1).id);
      await tab.shows('[data-testid="failure"]');
      const { messages } = await stage.site.truth.session(session);
      assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant"]);
      assert.deepEqual(await tab.messages(), messages.map(({ role, content }) => `${role}: ${content}`));
      assert.deepEqual(await tab.problems(), []);
    }));

  test("the demo shows which message was not sent, and sends it on request", () =>
    scene("unsent", async ({ tab, proxy, assertStored, picture }) => {
      await tab.send("First. /tokens 5 /rate 0");
      await assertStored(2);
      proxy.plan = ({ path }) => (/\/stream$/.test(path) ? REFUSED : undefined);
      await tab.send("Second. /tokens 5 /rate 0");
      await tab.sees(() => /Second\..*Not sent/.test(document.querySelector('[data-delivery="unsent"]')?.textContent));
      await picture("unsent");
      proxy.plan = () => undefined;
      await tab.press("send-again");
      await assertStored(4);
    }));

  test("a second tab of the demo that is idle shows the question that the other tab asks, and its answer", () =>
    scene("tabs", async ({ stage, session, tab, assertStored }) => {
      await tab.send("First. /tokens 10 /rate 0");
      await assertStored(2);
      const other = await stage.demo(session);
      await other.settled(2);
      await tab.send("From the other tab. /tokens 40 /rate 30");
      await other.sees(() => document.querySelectorAll('[data-testid="question"]')[1]?.textContent.startsWith("From the other tab."));
      await other.picture(`${engine.name}-tabs-other`);
      await assertStored(4, other);
      await assertStored(4);
    }));
}
