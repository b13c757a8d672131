// Random runs of two pages on one chat, against a model: each message is shown once and in order, nothing that was typed is lost,
// and what is called unsent is. The pages are two devices, or two tabs of a browser. `REJOIN_SEED=17` prints the steps of one run,
// `SEEDS=1000` makes more of them.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { chat, closeAll, texts } from "./lib/chat.mjs";
import { ChatBackend } from "./lib/chat-backend.mjs";
import { until } from "./lib/backend.mjs";
import { withTabs } from "./lib/tabs.mjs";

const SEEDS = Number(process.env.SEEDS ?? 40);
/** How often a page showed what another tab's connection brought. */
let shared = 0;
const only = process.env.REJOIN_SEED;
const STEPS = 40;

afterEach(closeAll);

/** Numbers from 0 up to 1 (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class Storage extends Map {
  getItem = (key) => this.get(key) ?? null;
  setItem = (key, value) => void this.set(key, value);
  removeItem = (key) => void this.delete(key);
  key = (place) => [...this.keys()][place] ?? null;
  get length() {
    return this.size;
  }
}

/** One page of the run, and what its person has typed. */
class Page {
  typed = new Set();
  #number = 0;

  constructor(world, name, storage, crossTab) {
    Object.assign(this, { world, name, storage, crossTab });
    this.open();
  }

  open() {
    const options = { generateId: () => `${this.name}-${++this.#number}` };
    Object.assign(this, chat(options, { backend: this.world.backend, storage: this.storage, crossTab: this.crossTab, retry: { initialDelayMs: 1, maxDelayMs: 2, maxRetries: 2 } }));
    this.conversation.subscribe(() => this.check());
    this.call(() => this.conversation.resume());
  }

  /** Calls without waiting; refusals are part of the game. */
  call(run) {
    run().catch(() => {});
  }

  get snapshot() {
    return this.conversation.getSnapshot();
  }

  /** What must hold at every moment. The conversation would only report what a subscriber throws. */
  check() {
    try {
      this.#check();
    } catch (error) {
      this.world.failure ??= error;
    }
  }

  #check() {
    const { messages, delivery, role, status } = this.snapshot;
    if (role === "follower" && status === "streaming") shared++;
    const ids = messages.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `a message is shown twice: ${ids}`);
    for (const key of Object.keys(delivery)) assert.ok(ids.includes(key), `${key} is not in the list`);
    const own = texts(this.snapshot).filter((text) => text.startsWith("user: "));
    assert.equal(new Set(own).size, own.length, `a text is shown twice: ${own}`);
  }

  /** A reload ends the page; what waited in it goes with it. */
  reload() {
    this.conversation.dispose();
    this.streams.close();
    this.typed.clear();
    this.open();
  }
}

class World {
  backend = new ChatBackend();
  steps = [];
  #texts = 0;
  #calls = 0;
  #words = 0;

  constructor(seed, { crossTab }) {
    this.draw = random(seed);
    const shared = new Storage();
    this.pages = ["p", "q"].map((name) => new Page(this, name, crossTab ? shared : new Storage(), crossTab));
  }

  pick(list) {
    return list[Math.floor(this.draw() * list.length)];
  }

  text() {
    return `text ${++this.#texts}`;
  }

  /** Does one thing, and lets the pages react to it. */
  async step() {
    const page = this.pick(this.pages);
    const [name, act] = this.pick(DEEDS);
    this.steps.push(`${page.name} ${name}`);
    act(this, page);
    if (only !== undefined) console.log(this.steps.at(-1), JSON.stringify(page.snapshot.delivery), texts(page.snapshot), page.snapshot.status);
    for (let turn = Math.floor(this.draw() * 6); turn > 0; turn--) await new Promise(setImmediate);
  }

  /** Writes a word that comes nowhere else. */
  say() {
    if (this.backend.task()) this.backend.say(`${++this.#words} `);
  }

  nextCall() {
    return `call-${++this.#calls}`;
  }

  /** The network works again, the model answers all, and each page sends what it has and loads the history. */
  async settle() {
    this.backend.faults.length = 0;
    for (const page of this.pages) await this.#drain(page);
    for (const page of this.pages) {
      await page.conversation.refresh();
      await this.#rest(page);
    }
  }

  async #drain(page) {
    for (let round = 0; round < 60; round++) {
      await this.#rest(page);
      const [waiting] = Object.keys(page.snapshot.delivery);
      const call = lastCall(page);
      if (call) await page.conversation.addToolOutput({ toolCallId: call, output: 1 }).catch(() => {});
      else if (waiting !== undefined) await this.#answered(page, waiting);
      else return;
    }
    assert.fail(`messages stay behind: ${JSON.stringify(page.snapshot.delivery)}`);
  }

  /** Sends a message that waits, and answers what runs until it has its outcome. */
  async #answered(page, key) {
    let isOver = false;
    page.conversation.retry(key).catch(() => {}).finally(() => void (isOver = true));
    await until(() => {
      if (this.backend.task()) this.backend.finish();
      answerCall(page);
      // A failure of another call makes the queue wait again.
      if (!page.snapshot.isRunning && page.snapshot.delivery[key] === "queued") page.call(() => page.conversation.retry(key));
      return isOver;
    }, () => `a call has no outcome: ${JSON.stringify(this.pages.map(({ snapshot }) => snapshot))}`);
  }

  /** Answers what runs until the page rests. */
  async #rest(page) {
    await until(() => {
      if (this.backend.task()) this.backend.finish();
      return !page.snapshot.isRunning && page.snapshot.status !== "loading" && !Object.values(page.snapshot.delivery).includes("sending");
    }, () => `the page does not rest: ${JSON.stringify(page.snapshot)}`);
  }
}

function lastCall(page) {
  const last = page.snapshot.messages.filter(({ role }) => role === "assistant").at(-1);
  return last?.parts.find(({ state }) => state === "input-available")?.toolCallId;
}

/** What may happen. Deeds that come often are listed more than once. */
const DEEDS = [
  ["send", (world, page) => type(page, world.text(), (text) => page.conversation.send(text))],
  ["send", (world, page) => type(page, world.text(), (text) => page.conversation.send(text))],
  ["send", (world, page) => type(page, world.text(), (text) => page.conversation.send(text))],
  ["edit", (world, page) => edit(world, page)],
  ["regenerate", (_, page) => page.call(() => page.conversation.regenerate())],
  ["retry", (_, page) => page.call(() => page.conversation.retry())],
  ["stop", (_, page) => page.call(() => page.conversation.stop())],
  ["refresh", (_, page) => page.call(() => page.conversation.refresh())],
  ["resume", (_, page) => page.call(() => page.conversation.resume())],
  ["reload", (_, page) => page.reload()],
  ["tool output", (_, page) => answerCall(page)],
  ["remove", (world, page) => removeWaiting(world, page)],
  ["the request is lost", ({ backend }) => backend.faults.push("lose")],
  ["the answer is lost", ({ backend }) => backend.faults.push("lose-answer")],
  ["the request is refused", ({ backend }) => backend.faults.push("refuse")],
  ["cut", ({ backend }) => backend.cut()],
  ["word", (world) => world.say()],
  ["word", (world) => world.say()],
  ["word", (world) => world.say()],
  ["word", (world) => world.say()],
  ["call", (world) => world.backend.task()?.write({ type: "tool-input-available", toolCallId: world.nextCall(), toolName: "look", input: {} })],
  ["finish", ({ backend }) => backend.task() && backend.finish()],
  ["finish", ({ backend }) => backend.task() && backend.finish()],
  ["fail", ({ backend }) => backend.task() && backend.fail()],
];

function type(page, text, send) {
  page.typed.add(text);
  page.call(() => send(text));
}

/** Editing a question takes what was typed for it, and all after it, out of what has to be there. */
function edit(world, page) {
  const target = world.pick(page.snapshot.messages.filter(({ role }) => role === "user"));
  if (target) type(page, world.text(), (text) => page.conversation.edit(target.id, text));
}

function answerCall(page) {
  const toolCallId = lastCall(page);
  if (toolCallId) page.call(() => page.conversation.addToolOutput({ toolCallId, output: 1 }));
}

function removeWaiting(world, page) {
  const key = world.pick(Object.keys(page.snapshot.delivery));
  const entry = page.snapshot.messages.find(({ id }) => id === key);
  if (!entry || page.snapshot.delivery[key] === "sending") return;
  page.typed.delete(entry.parts[0].text);
  page.conversation.removeQueued(key);
}

/** What was typed and not removed is with the backend, or was replaced there, or waits in the page. */
function checkTyped(world) {
  for (const page of world.pages) {
    const shown = new Set(page.snapshot.messages.flatMap(({ parts }) => parts.map(({ text }) => text)));
    for (const text of page.typed) {
      assert.ok(shown.has(text) || world.replaced.has(text), `"${text}" of ${page.name} is lost`);
    }
  }
}

/** The texts that the backend has removed for an edit, or that the person has replaced before they were sent. */
function watchReplaced(world) {
  world.replaced = new Set();
  const { messages } = world.backend.session();
  const splice = messages.splice.bind(messages);
  messages.splice = (...range) => {
    const removed = splice(...range);
    for (const { parts } of removed) for (const { text } of parts) world.replaced.add(text);
    return removed;
  };
  for (const page of world.pages) watchEdits(world, page);
}

function watchEdits(world, page) {
  const open = page.open.bind(page);
  const watch = () => {
    const { edit } = page.conversation;
    page.conversation.edit = (id, text) => {
      const { delivery, messages } = page.snapshot;
      if (id in delivery) world.replaced.add(messages.find((message) => message.id === id).parts[0].text);
      return edit(id, text);
    };
  };
  page.open = () => (open(), watch());
  watch();
}

async function run(seed, pages) {
  const world = new World(seed, pages);
  watchReplaced(world);
  try {
    for (let step = 0; step < STEPS; step++) await world.step();
    await world.settle();
    if (world.failure) throw world.failure;
    checkTyped(world);
    for (const page of world.pages) {
      assert.deepEqual(page.snapshot.delivery, {}, page.name);
      assert.deepEqual(texts(page.snapshot), world.backend.texts(), page.name);
    }
  } catch (error) {
    throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
  } finally {
    closeAll();
  }
}

const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, place) => place + 1) : [Number(only)];

test("whatever two devices do in which order, each message is shown once, in order, and nothing typed is lost", async () => {
  for (const seed of seeds) await run(seed, { crossTab: false });
});

test("whatever two tabs do in which order, each message is shown once, in order, and nothing typed is lost", () =>
  withTabs(async () => {
    for (const seed of seeds) await run(seed, { crossTab: true });
    if (only === undefined) assert.ok(shared > 0, "no tab followed another one");
  }));
