// Runs all scenarios in one engine, with one browser and one server. Tabs are opened and closed.

import { after, afterEach, before, describe } from "node:test";
import { FaultProxy } from "../../e2e/proxy.mjs";
import { openSite } from "./site.mjs";
import { Stage } from "./stage.mjs";
import { chat } from "../scenarios/chat.mjs";
import { demo } from "../scenarios/demo.mjs";
import { lacking } from "../scenarios/lacking.mjs";
import { life } from "../scenarios/life.mjs";
import { messages } from "../scenarios/messages.mjs";
import { owner } from "../scenarios/owner.mjs";
import { sharing } from "../scenarios/sharing.mjs";

/**
 * @typedef {{ engine: import("./engines.mjs").Engine, keepsStreams?: boolean,
 *   freeze?: (stage: Stage, tab: import("./tab.mjs").Tab, state: "frozen" | "active") => Promise<void>,
 *   crash?: (stage: Stage, tab: import("./tab.mjs").Tab) => Promise<void>,
 *   offline?: (stage: Stage, away: boolean) => Promise<void> }} Means
 *   What can be done to tabs in this engine. `keepsStreams`: its back-forward cache takes pages whose stream runs, and
 *   whose stream is let go only as they leave. Firefox decides before it notifies the page.
 */

/** The limit of all scenarios together on a slow machine, in milliseconds. */
const MOST_MS = 600_000;

/** @param {Means} means */
export function suite(means) {
  describe(`tabs in ${means.engine.name}`, { timeout: MOST_MS }, () => {
    const set = {};
    let site;
    let stage;
    let opened = 0;

    before(async () => {
      site = await openSite();
      stage = await Stage.open(means.engine, site);
    });
    afterEach(() => stage.clear());
    after(async () => {
      await stage?.close();
      await site?.close();
    });

    /** Returns the stage for a test, and a session of its own. */
    set.scene = async () => {
      opened = (await site.streams()).total;
      return { stage, session: await stage.session() };
    };
    /** Does the same with pages that reach the server through a proxy, which can be taken down. */
    set.behindProxy = async (play) => {
      const proxy = await new FaultProxy(site.url).up();
      stage.base = proxy.url;
      try {
        await play({ ...(await set.scene()), proxy });
      } finally {
        stage.base = site.url;
        await stage.clear();
        if (proxy.isUp) await proxy.down();
      }
    };
    /** Returns how many streams pages have requested in this scene. */
    set.opened = async () => (await site.streams()).total - opened;

    for (const scenarios of [sharing, owner, life, lacking, messages, chat, demo]) scenarios(set, means);
  });
}
