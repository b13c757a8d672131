// The tab with the connection disappears: another one continues from its own position, with no chunk lost or doubled.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ENDLESS, LONG } from "../lib/messages.mjs";
import { eventually } from "../lib/patience.mjs";

/**
 * Much longer than the other tabs wait: 4 s of silence and 2 s without an answer, by timers of background tabs, which are a
 * second late each and later on a loaded machine. A page that hangs receives no message to go on.
 */
const HANG_MS = 16_000;

/** Opens three tabs that show one answer. The first has the connection. */
async function three(set, message = LONG) {
  const { stage, session } = await set.scene();
  const owner = await stage.tab(session);
  const others = [await stage.tab(session), await stage.tab(session)];
  await owner.call("send", message);
  for (const other of others) await other.until("role", "follower");
  await owner.until("role", "owner");
  return { stage, session, owner, others };
}

/** Returns the tab that has the connection now. */
function heir(tabs) {
  return eventually("one of the tabs has the connection", async () => {
    for (const tab of tabs) if ((await tab.state()).role === "owner") return tab;
    return undefined;
  });
}

export function owner(set, { freeze, crash }) {
  test("the owner is closed, and the next one too: the last tab shows all of it", async () => {
    const { stage, session, owner, others } = await three(set);
    await stage.closeTab(owner);
    await stage.closeTab(await heir(others));
    await stage.assertWhole(session);
    assert.equal(await set.opened(), 3);
  });

  test("the owner goes to another page", async () => {
    const { stage, session, owner, others } = await three(set);
    await owner.leave();
    await heir(others);
    await stage.site.holds(1);
    await stage.forget(owner);
    await stage.assertWhole(session);
    assert.equal(await set.opened(), 2);
  });

  test("the owner detaches: the others go on", async () => {
    const { stage, session, owner, others } = await three(set);
    await owner.call("detach");
    await heir(others);
    await stage.closeTab(owner);
    await stage.assertWhole(session);
    assert.equal(await set.opened(), 2);
  });

  test("all tabs are reloaded again and again", async () => {
    const { stage, session, owner, others } = await three(set, ENDLESS);
    for (let round = 0; round < 3; round += 1) {
      for (const tab of [owner, ...others]) await tab.reload();
    }
    for (const tab of stage.tabs) await tab.until("grown", 500);
    await stage.site.holds(1);
    await owner.call("stop");
    await stage.assertWhole(session, { isStopped: true });
  });

  test("the owner hangs: the others go on without it, and it follows when it is back", async () => {
    const { stage, session, owner, others } = await three(set, ENDLESS);
    await owner.call("hang", HANG_MS);
    await heir(others);
    await owner.until("role", "follower");
    await stage.site.holds(1);
    await owner.call("stop");
    await stage.assertWhole(session, { isStopped: true });
    assert.equal(await set.opened(), 2);
  });

  test("the owner is frozen: another one takes over, and it follows when it is thawed", { skip: !freeze }, async () => {
    const { stage, session, owner, others } = await three(set, ENDLESS);
    await freeze(stage, owner, "frozen");
    await heir(others);
    await stage.site.holds(1);
    await freeze(stage, owner, "active");
    await owner.until("role", "follower");
    await owner.call("stop");
    await stage.assertWhole(session, { isStopped: true });
    assert.equal(await set.opened(), 2);
  });

  test("the process of the owner is killed", { skip: !crash }, async () => {
    const { stage, session, owner, others } = await three(set);
    await crash(stage, owner);
    await heir(others);
    await stage.forget(owner);
    await stage.assertWhole(session);
    assert.equal(await set.opened(), 2);
  });
}
