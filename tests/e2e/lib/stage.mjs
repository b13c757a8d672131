// One backend and one browser for a file of tests; for each test a proxy and a page of its own, and the question that
// matters: does the page show what the server has stored, once, from one POST?

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { ChatPage, launch } from "./browser.mjs";
import { FaultProxy } from "../proxy.mjs";
import { withLimit } from "./limit.mjs";
import { startServer, Truth } from "./server.mjs";

export const STREAM = /\/sessions\/[^/]+\/stream/;
export const REJOIN = /\/tasks\/[^/]+\/stream/;
const EITHER = /\/(sessions|tasks)\/[^/]+\/stream/;

/** Returns whether a request opens a stream: a sent message or a rejoin. */
export function opensStream({ method, path }) {
  return EITHER.test(path) && (method === "POST" || method === "GET");
}

/** The limit of a scene, so that one that hangs fails. */
const LIMIT_MS = 60_000;

/** Returns a plan that gives each opened stream the next of these faults, and no fault after the last one. */
export function inTurn(...faults) {
  let nth = 0;
  return (seen) => (opensStream(seen) ? faults[nth++] : undefined);
}

/** Sets the stage of a test file. @param {string[]} flags For the server. */
export function stage(...flags) {
  const set = {};
  before(async () => {
    set.server = await startServer(...flags);
    set.truth = new Truth(set.server.url);
    set.browser = await launch();
  });
  after(async () => {
    await set.browser?.close();
    await set.server?.stop();
  });

  /** Runs a scene with a proxy and a page, and then checks that no error reached the page. */
  set.scene = async (plan, play, options = {}) => {
    const proxy = await new FaultProxy(set.server.url).up();
    proxy.plan = plan ?? proxy.plan;
    const page = await ChatPage.open(set.browser, proxy.url, options);
    try {
      await withLimit(play({ proxy, page, truth: set.truth }), LIMIT_MS);
      assert.deepEqual(page.problems, [], "nothing is thrown into the page");
    } catch (error) {
      error.message += `\n${await page.describe()}`;
      throw error;
    } finally {
      await page.close();
      await proxy.down();
    }
  };
  return set;
}

/** Checks that the page shows the stored conversation, each message once, and that each was sent once. */
export async function assertWhole({ proxy, page, truth }, { turns = 1 } = {}) {
  const { messages, active_stream } = await truth.session(await page.chat());
  const texts = (role) => messages.filter((message) => message.role === role).map(({ content }) => content);
  assert.equal(active_stream, null, "the task has ended");
  assert.deepEqual(await page.questions(), texts("user"));
  assert.deepEqual(await page.answers(), texts("assistant"));
  assert.equal(texts("assistant").length, turns);
  assert.ok(texts("assistant").every((text) => text.length > 0));
  assert.equal(proxy.count("POST", STREAM), turns, "POSTs that the server saw");
}
