// Browsers that lack something: each tab then has a stream of its own, and all guarantees still hold.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stage } from "../lib/stage.mjs";
import { ENDLESS } from "../lib/messages.mjs";

export function lacking(set, { engine }) {
  for (const without of ["locks", "channel", "locks,channel", "refused-locks"]) {
    test(`without ${without.replace(",", " and ")} each tab has its own connection`, () => inTwoTabs(set.scene(), { without }, 2));
  }

  test("without a storage tabs still share one connection", () => inTwoTabs(set.scene(), { without: "storage" }, 1));

  test("with a full storage tabs still share one connection", () => inTwoTabs(set.scene(), { without: "quota" }, 1));

  test("in private windows tabs share one connection", { skip: engine.isAlwaysPrivate }, () =>
    inAnother({ isPrivate: true }, async (scene) => inTwoTabs(scene, {}, 1)));

  test("where the user forbids sites to keep anything, all is shown all the same", { skip: engine.isAlwaysPrivate }, () =>
    inAnother({ blocksStorage: true }, async (scene) => inTwoTabs(scene, {})));

  async function inTwoTabs(scene, query, connections) {
    const { stage, session } = await scene;
    const first = await stage.tab(session, query);
    await first.call("send", ENDLESS);
    await first.until("grown", 50);
    const second = await stage.tab(session, query);
    await second.until("grown", 200);
    const { open } = await stage.site.streams();
    if (connections) assert.equal(open, connections);
    await first.call("stop");
    await stage.assertWhole(session, { isStopped: true });
    await stage.site.holds(0);
  }

  /** Runs a scene in another browser, which is started with these options. */
  async function inAnother(look, play) {
    const { stage: { site } } = await set.scene();
    const stage = await Stage.open(engine, site, look);
    try {
      await play({ stage, session: await stage.session() });
    } finally {
      await stage.close();
    }
  }
}
