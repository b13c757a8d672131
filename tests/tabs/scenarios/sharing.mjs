// Several tabs on one chat: one connection, one answer, and an action in one tab shows in all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_AT_ONCE, ENDLESS, LONG, SLOW } from "../lib/messages.mjs";

export function sharing(set) {
  test("two tabs show one answer over one connection", async () => {
    const { stage, session } = await set.scene();
    const first = await stage.tab(session);
    await first.call("send", LONG);
    await first.until("grown", 50);
    const second = await stage.tab(session);
    const late = await second.until("grown", 50);
    assert.equal(late.role, "follower");
    await stage.assertWhole(session);
    assert.equal(await set.opened(), 1);
  });

  test("a message sent in one tab shows in those that are there already", async () => {
    const { stage, session } = await set.scene();
    const tabs = [await stage.tab(session), await stage.tab(session), await stage.tab(session)];
    await tabs[0].call("send", SLOW);
    await stage.assertWhole(session);
    await tabs[2].call("send", ALL_AT_ONCE);
    await stage.assertWhole(session, { outcomes: 2 });
    assert.equal(await set.opened(), 2);
  });

  test("a second message is refused while another tab's stream runs, and is not sent", async () => {
    const { stage, session } = await set.scene();
    const first = await stage.tab(session);
    await first.call("send", ENDLESS);
    const second = await stage.tab(session);
    await second.until("role", "follower");
    assert.deepEqual(await second.call("ask", "and this?"), ["failed", "TASK_RUNNING"]);
    await first.call("stop");
    await stage.assertWhole(session, { isStopped: true });
    assert.equal((await stage.site.truth.session(session)).messages.filter(({ role }) => role === "user").length, 1);
  });

  test("a stop in one tab stops all, and no reload brings the answer back", async () => {
    const { stage, session } = await set.scene();
    const tabs = [await stage.tab(session), await stage.tab(session), await stage.tab(session)];
    await tabs[0].call("send", ENDLESS);
    await tabs[1].until("role", "follower");
    const { taskId } = await tabs[2].until("role", "follower");
    await tabs[1].call("stop");
    for (const tab of tabs) assert.deepEqual((await tab.until("outcomes", 1)).outcomes, ["stopped"]);
    await stage.site.ended(session);
    assert.equal((await stage.site.truth.task(taskId)).status, "cancelled");
    await stage.site.holds(0);
    await tabs[0].reload();
    assert.equal((await tabs[0].until("status", "idle")).text, "");
    assert.equal(await set.opened(), 1);
  });

  test("a task that is cleared in one tab is forgotten in all, and its stream goes on", async () => {
    const { stage, session } = await set.scene();
    const tabs = [await stage.tab(session), await stage.tab(session)];
    await tabs[0].call("send", SLOW);
    await tabs[1].until("role", "follower");
    for (const tab of tabs) await tab.until("saved", session);
    await tabs[1].call("clear");
    for (const tab of tabs) await tab.until("forgotten", session);
    await stage.assertWhole(session);
    for (const tab of tabs) assert.deepEqual((await tab.state()).tasks, []);
  });

  test("twelve tabs load one chat and stream it, although the browser allows a host six connections", async () => {
    const { stage, session } = await set.scene();
    const first = await stage.tab(session);
    await first.call("send", ENDLESS);
    await first.until("grown", 20);
    for (let more = 1; more < 12; more += 1) await stage.tab(session);
    for (const tab of stage.tabs.slice(1)) assert.equal((await tab.until("grown", 500)).role, "follower");
    assert.equal((await stage.site.streams()).open, 1);
    await stage.tabs[7].call("stop");
    for (const tab of stage.tabs) assert.deepEqual((await tab.until("outcomes", 1)).outcomes, ["stopped"]);
    await stage.assertWhole(session, { isStopped: true });
    assert.equal(await set.opened(), 1);
  });

  test("the saved tasks of tabs that write at once are all kept, and show in each", async () => {
    const { stage, session } = await set.scene();
    const other = await stage.session();
    const third = await stage.session();
    const tabs = [await stage.tab(session), await stage.tab(other), await stage.tab(third)];
    for (const tab of tabs) await tab.call("send", ENDLESS);
    for (const tab of tabs) await tab.until("saved", session, other, third);
    assert.equal((await stage.site.streams()).open, 3);
    for (const tab of tabs) await tab.call("stop");
    for (const tab of tabs) await tab.until("forgotten", session, other, third);
  });
}
