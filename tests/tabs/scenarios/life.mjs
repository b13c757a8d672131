// The life of a page: no network, away and back through the browser's history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_AT_ONCE, ENDLESS, SLOW } from "../lib/messages.mjs";

export function life(set, { offline, keepsStreams }) {
  test("offline and back: both tabs show all of it", { skip: !offline }, () =>
    set.behindProxy(async ({ stage, session, proxy }) => {
      const tabs = [await stage.tab(session), await stage.tab(session)];
      await tabs[0].call("send", SLOW);
      for (const tab of tabs) await tab.until("grown", 100);
      await offline(stage, true);
      await proxy.down();
      for (const tab of tabs) await tab.until("status", "reconnecting");
      await stage.site.ended(session);
      await proxy.up();
      await offline(stage, false);
      await stage.assertWhole(session);
    }));

  test("the server is away and back: both tabs show all of it", () =>
    set.behindProxy(async ({ stage, session, proxy }) => {
      const tabs = [await stage.tab(session), await stage.tab(session)];
      await tabs[0].call("send", SLOW);
      for (const tab of tabs) await tab.until("grown", 100);
      await proxy.down();
      for (const tab of tabs) await tab.until("status", "reconnecting");
      await stage.site.ended(session);
      await proxy.up();
      await stage.assertWhole(session);
    }));

  test("an owner in the back-forward cache holds neither lock nor connection, and goes on when it is back", async () => {
    const { stage, session } = await set.scene();
    const [owner, other] = [await stage.tab(session), await stage.tab(session)];
    await owner.call("send", ENDLESS);
    await other.until("role", "follower");
    await owner.leave();
    await other.until("role", "owner");
    await stage.site.holds(1);
    await owner.back();
    if (keepsStreams) assert.equal((await owner.state()).returned, 1, "the page was kept");
    await owner.until("role", "follower");
    await other.call("stop");
    await stage.assertWhole(session, { isStopped: true });
    assert.equal(await set.opened(), 2);
  });

  test("a page that comes back from the history shows the answer that began while it was away", async () => {
    const { stage, session } = await set.scene();
    const [away, other] = [await stage.tab(session), await stage.tab(session)];
    await away.call("send", ALL_AT_ONCE);
    await stage.assertWhole(session);
    await away.leave();
    await other.call("send", ENDLESS);
    // Longer than the first answer, which the page holds until the second one begins.
    await other.until("grown", 500);
    await away.back();
    assert.equal((await away.state()).returned, 1, "the page was kept");
    await away.until("role", "follower");
    await other.call("stop");
    await stage.assertWhole(session, { outcomes: 2, isStopped: true });
  });

  test("a page that comes back after the end shows all of it", async () => {
    const { stage, session } = await set.scene();
    const [away, other] = [await stage.tab(session), await stage.tab(session)];
    await away.call("send", SLOW);
    await other.until("role", "follower");
    await away.leave();
    await other.until("outcomes", 1);
    await away.back();
    const kept = (await away.state()).returned === 1;
    if (kept) await stage.assertWhole(session);
    else await away.until("status", "idle");
  });
}
