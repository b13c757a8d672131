// Messages and records of other tabs: untrusted, and sometimes all that a tab has left.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ENDLESS } from "../lib/messages.mjs";

/** Messages on the channel of our tabs from other code or from a later version. */
const FOREIGN = (session) => {
  const say = (kind, more = {}) => ({ v: 2, from: "stranger", session, epoch: 0, kind, ...more });
  const place = { last: "0-0", unnumbered: 0, hash: "0" };
  const frames = (text) => ({ text, ends: [text.length], ids: "1-0\n" });
  return [
    "", "nonsense", "null", "[]", "{}", 17, null, { v: 2 }, ["x"],
    JSON.stringify({ v: 1, from: "an older version", session, news: { kind: "stop" } }),
    say("frames", { stream: "x-1", number: 0, frames: frames("{}"), v: 3 }),
    say("end", { stream: "x-1", end: { kind: "failed" } }),
    say("frames", { stream: "x-1", number: 0, frames: frames("not JSON") }),
    say("frames", { stream: "x-1", number: 0, frames: { text: "{}", ends: [7], ids: "" } }),
    say("frames", { stream: "x-1", number: -1, frames: 7 }),
    say("state", { to: "nobody", stream: "x-1", number: 0, frames: {}, place, shown: {} }),
    say("stop", { task: "another task" }),
    say("owner", { stream: "x-1", task: "another task", place }),
    say("what versions to come may say"),
    say("ask"),
    say("alive", { stream: 5 }),
  ];
};

export function messages(set) {
  test("what strangers say on the channel changes nothing", async () => {
    const { stage, session } = await set.scene();
    const tabs = [await stage.tab(session), await stage.tab(session)];
    await tabs[0].call("send", ENDLESS);
    await tabs[1].until("role", "follower");
    for (const value of FOREIGN(session)) await tabs[1].call("say", value);
    for (const value of FOREIGN(session)) await tabs[0].call("say", value);
    assert.equal((await tabs[1].state()).role, "follower");
    await tabs[1].until("grown", (await tabs[0].state()).received.length);
    await tabs[0].call("stop");
    await stage.assertWhole(session, { isStopped: true });
    assert.equal(await set.opened(), 1);
  });

  test("records that are corrupt, of another version, or too old, are dropped and counted", async () => {
    const { stage, session } = await set.scene();
    const tab = await stage.tab(session);
    const user = `user ${session}`;
    await tab.run(leaveRecords, user);
    const other = await stage.tab(session, { user, resume: "no" });
    assert.deepEqual((await other.state()).tasks, ["good"]);
    assert.equal(await other.call("dropped"), 3);
    assert.equal(await other.run((user) => Object.keys(localStorage).filter((key) => key.includes(encodeURIComponent(user))).length, user), 1);
  });

  test("the map of the TypeScript layer is taken over, by one of the tabs, once", async () => {
    const { stage, session } = await set.scene();
    const tab = await stage.tab(session);
    await tab.run(() => localStorage.setItem("chat_active_tasks", JSON.stringify({ old: { taskId: "t-old", sessionId: "old", startedAt: Date.now() } })));
    const others = [await stage.tab(session), await stage.tab(session)];
    for (const each of [tab, ...others]) await each.until("saved", "old");
    assert.equal(await tab.run(() => localStorage.getItem("chat_active_tasks")), null);
    await tab.call("clear", "old");
    for (const each of others) await each.until("forgotten", "old");
  });

  test("a stop that its tab could not bring to the server is brought by another tab", async () => {
    const { stage, session } = await set.scene();
    const [dying, living] = [await stage.tab(session), await stage.tab(session)];
    await dying.call("send", ENDLESS);
    const { taskId } = await living.until("role", "follower");
    await dying.call("loseCancels");
    await dying.call("stop");
    assert.deepEqual((await living.until("outcomes", 1)).outcomes, ["stopped"]);
    assert.equal((await stage.site.truth.task(taskId)).status, "running");
    await stage.closeTab(dying);
    await stage.site.ended(session);
    assert.equal((await stage.site.truth.task(taskId)).status, "cancelled");
  });
}

/** Writes, in the page, the records that another version, a crash or a year ago may have left of a user. */
function leaveRecords(user) {
  const key = (session) => `chat_active_tasks:v1:${encodeURIComponent(user)}:${session}`;
  const record = (session, more) => JSON.stringify({ v: 1, task: "t", session, last: "1-0", started: Date.now(), saved: Date.now(), ...more });
  localStorage.setItem(key("good"), record("good"));
  localStorage.setItem(key("corrupt"), record("corrupt").slice(0, 40));
  localStorage.setItem(key("future"), record("future", { v: 2 }));
  localStorage.setItem(key("expired"), record("expired", { saved: 1 }));
}
