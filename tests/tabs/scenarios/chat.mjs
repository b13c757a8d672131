// A person's actions in a whole chat: other versions, messages that wait, files, tools that ask, and a second tab.

import assert from "node:assert/strict";
import { test } from "node:test";

const SHORT = "Briefly. /tokens 8 /rate 0";

export function chat(set) {
  /** Opens a tab with a chat. Returns a check that the tab shows what the server has stored, each message once. */
  async function scene() {
    const { stage, session } = await set.scene();
    const tab = await stage.chat(session);
    const assertStored = async (count, shownIn = tab) => {
      const { messages, active_stream } = await stage.site.truth.session(session);
      const stored = messages.filter(({ role }) => role !== "tool").map(({ role, content }) => `${role}: ${content}`);
      const { shown, problems } = await shownIn.until("shows", count);
      assert.equal(active_stream, null);
      assert.deepEqual(shown, stored);
      assert.deepEqual(problems, []);
      return messages;
    };
    return { stage, session, tab, assertStored };
  }

  test("an answer is regenerated, and a question is replaced with all after it", async () => {
    const { tab, assertStored } = await scene();
    assert.equal(await tab.call("ask", SHORT), "finished");
    const before = await tab.state();
    assert.equal(await tab.call("regenerate"), "finished");
    await assertStored(2);
    const after = await tab.state();
    assert.equal(after.ids[0], before.ids[0]);
    assert.notEqual(after.ids[1], before.ids[1]);
    assert.equal(await tab.call("edit", after.ids[0], "Other. /tokens 9 /rate 0"), "finished");
    const [question] = await assertStored(2);
    assert.equal(question.content, "Other. /tokens 9 /rate 0");
  });

  test("a message that is sent while an answer is written waits, and goes out after it", async () => {
    const { tab, assertStored } = await scene();
    await tab.call("send", "At length. /tokens 60 /rate 40");
    await tab.until("status", "streaming");
    await tab.call("send", SHORT);
    await tab.until("delivery", "queued");
    await tab.until("shows", 4);
    await assertStored(4);
  });

  test("a file goes with its message, and is there after a reload", async () => {
    const { tab, assertStored } = await scene();
    assert.equal(await tab.call("attach", SHORT, "note.txt", "text/plain", "Grüße"), "finished");
    const expected = [{ filename: "note.txt", mediaType: "text/plain", url: `data:text/plain;base64,${Buffer.from("Grüße").toString("base64")}` }];
    assert.deepEqual((await tab.state()).files, expected);
    await tab.reload();
    await assertStored(2);
    assert.deepEqual((await tab.state()).files, expected);
  });

  test("a tool of the page and one that needs an approval go on in the same message", async () => {
    const { tab, assertStored } = await scene();
    await tab.call("ask", "Look. /client-tool clock /rate 0");
    const [clock] = (await tab.until("call", "input-available")).calls;
    await tab.call("output", clock.id, { time: "noon" });
    await tab.until("call", "output-available");
    await assertStored(2);
    await tab.call("ask", "Act. /approve act /rate 0");
    const { calls } = await tab.until("call", "approval-requested");
    await tab.call("approve", calls.at(-1).approvalId);
    await tab.until("call", "output-available");
    await assertStored(4);
  });

  test("a second tab that is idle shows the question that the other tab asks, and its answer", async () => {
    const { stage, session, tab, assertStored } = await scene();
    await tab.call("ask", SHORT);
    const other = await stage.chat(session);
    await other.until("shows", 2);
    await tab.call("send", "Take your time. /tokens 40 /rate 40");
    await other.until("question", "Take your time. /tokens 40 /rate 40");
    await tab.until("shows", 4);
    await assertStored(4);
    await assertStored(4, other);
  });
}
