// One scene: a session, the app in one of its states on one of the backends, faults on the way, and the verdict.

import { FaultProxy } from "../../e2e/proxy.mjs";
import { ChatPage } from "./chat-page.mjs";
import { differences, rowsOf } from "./rows.mjs";

const OPENS = /\/(sessions|tasks)\/[^/]+\/stream/;

/** How long the page may take to show what it should after the backend is done. Lost rows stay lost. */
const PATIENCE_MS = { before: 5_000, after: 20_000 };
/** The limit of a scene, because the old layer may hang in one. */
const LIMIT_MS = { before: 15_000, after: 60_000 };

/** The delay of requests for JSON, as on any network. The old layer loads the session at once when an answer ends. */
const LATENCY = { kind: "delay", ms: 60 };

/**
 * @typedef {object} Scene
 * @property {string} name
 * @property {(stage: Stage) => Promise<unknown>} play
 * @property {(kind: string) => object[]} [faults] One for each stream that is opened, in turn.
 * @property {number} [turns] Messages that are sent.
 * @property {number} [connections] Streams that are opened at most, faults included.
 * @property {boolean} [cutShort] Whether a person stopped the answer: what is shown is a part of what is stored.
 *
 * @typedef {object} Stage
 * @property {ChatPage} page
 * @property {string} session
 * @property {string} state
 * @property {import("playwright-core").Browser} browser
 * @property {import("./backends.mjs").Backend} backend
 * @property {(options?: object) => Promise<ChatPage>} open Another page, of the same context unless one is given.
 */

/** @returns {Promise<{ defects: string[], shown: object[], wanted?: [string, string][] }>} What is wrong, on all pages, and what they show. */
export async function play(scene, { browser, backend, kind, state }) {
  const proxy = await new FaultProxy(backend.url).up();
  const watch = new Watch(proxy, scene.faults?.(kind) ?? []);
  const session = await backend.truth.createSession();
  const context = await browser.newContext();
  const pages = [];
  const open = async ({ into = context, session: other = session, at = state } = {}) => {
    const page = await ChatPage.open(into, proxy.url, { state: at, session: other });
    pages.push(page);
    return page;
  };
  try {
    const page = await open();
    const played = await limited(scene.play({ page, session, state, browser, backend, open }), LIMIT_MS[state]);
    const left = pages.filter(({ page }) => !page.isClosed());
    const verdict = played ? await judge(scene, { backend, session, pages: left, watch, state }) : { defects: ["hangs"] };
    return { ...verdict, shown: await Promise.all(left.map((one) => one.describe())) };
  } finally {
    await Promise.all([...new Set(pages.map(({ page }) => page.context()))].map((one) => one.close()));
    await proxy.down();
  }
}

async function judge(scene, { backend, session, pages, watch, state }) {
  const { turns = 1, connections = 1 } = scene;
  const stored = await backend.answered(session, turns, LIMIT_MS[state]);
  const wanted = rowsOf(stored);
  const users = stored.filter(({ role }) => role === "user").length;
  const shown = await Promise.all(pages.map((page) => defectsOf(page, { wanted, scene, state })));
  const defects = [
    ...new Set(shown.flat()),
    ...(users === turns ? [] : [`${users} turns`]),
    ...(watch.posts === turns ? [] : [`${watch.posts} POSTs`]),
    ...(watch.opened <= connections ? [] : [`${watch.opened} connections`]),
    ...(state === "before" || watch.isOver ? [] : ["a fault did not happen"]),
  ];
  return { defects, wanted };
}

/** What is wrong on one page. */
async function defectsOf(page, { wanted, scene, state }) {
  await page.becomes((rows) => differences(rows, wanted, scene.cutShort).length === 0, PATIENCE_MS[state]);
  const { rows, isStreaming, toasts } = await page.describe();
  return [...differences(rows, wanted, scene.cutShort), ...(isStreaming ? ["never ends"] : []), ...(toasts.length === 0 ? [] : ["an error is shown"])];
}

/** Counts what reaches the backend, and hands out the faults. */
class Watch {
  posts = 0;
  opened = 0;
  #faults;

  constructor(proxy, faults) {
    this.#faults = [...faults];
    proxy.plan = (seen) => {
      if (!OPENS.test(seen.path)) return LATENCY;
      const fault = this.#faults.shift();
      if (fault?.kind === "refuse" || fault?.kind === "answer") return fault;
      this.opened += 1;
      if (seen.method === "POST") this.posts += 1;
      return fault;
    };
  }

  get isOver() {
    return this.#faults.length === 0;
  }
}

/** Whether it was done in time. */
async function limited(work, ms) {
  let timer;
  const late = new Promise((done) => {
    timer = setTimeout(() => done(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
