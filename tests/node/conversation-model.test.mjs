// Random runs of two pages on one chat, against a model: each message is shown once and in order, nothing that was typed is lost,
// and what is called unsent is. The pages are two devices, or two tabs of a browser. A seed is always the same run, because time is
// the run's own. A seed that fails prints its shortest program. `REJOIN_SEED=17` prints the steps of one run, `SEEDS=1000` makes
// more of them, `FIRST_SEED=5000` begins there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { init } from "../../dist/index.js";
import { chat, closeAll, texts } from "./lib/chat.mjs";
import { ChatBackend } from "./lib/chat-backend.mjs";
import { withTabs } from "./lib/tabs.mjs";
import { inTime } from "./lib/virtual.mjs";
import { numbers } from "../e2e/lib/random.mjs";

const SEEDS = Number(process.env.SEEDS ?? 40);
const FIRST = Number(process.env.FIRST_SEED ?? 1);
const only = process.env.REJOIN_SEED;
/** Seeds that have found errors. */
const FOUND = [701, 2045, 6284, 9886];
const STEPS = 40;

await init();

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

  /** Calls a method without waiting for it. A refusal is no failure. */
  call(run) {
    run().catch(() => {});
  }

  get snapshot() {
    return this.conversation.getSnapshot();
  }

  /**
   * Checks what must hold at every moment. It stores failures, because the conversation would only report what a subscriber
   * throws.
   */
  check() {
    try {
      this.#check();
    } catch (error) {
      this.world.failure ??= error;
    }
  }

  #check() {
    const { messages, delivery, role, status } = this.snapshot;
    this.world.isShared ||= role === "follower" && status === "streaming";
    const ids = messages.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `a message is shown twice: ${ids}`);
    for (const key of Object.keys(delivery)) assert.ok(ids.includes(key), `${key} is not in the list`);
    const own = texts(this.snapshot).filter((text) => text.startsWith("user: "));
    assert.equal(new Set(own).size, own.length, `a text is shown twice: ${own}`);
  }

  /** Reloads the page. Messages that waited in it are lost. */
  reload() {
    this.conversation.dispose();
    this.streams.close();
    this.typed.clear();
    this.open();
  }
}

class World {
  backend = new ChatBackend();
  /** What the run did and how the pages changed, for a comparison with another run. */
  trace = [];
  /** Whether a page showed what arrived by another tab's connection. */
  isShared = false;
  #texts = 0;
  #calls = 0;
  #words = 0;
  #choice = 0;

  constructor(time, { crossTab }) {
    this.time = time;
    const shared = new Storage();
    this.pages = ["p", "q"].map((name) => new Page(this, name, crossTab ? shared : new Storage(), crossTab));
  }

  /** Picks an element by the number that was drawn for the step. */
  pick(list) {
    return list[Math.floor(this.#choice * list.length)];
  }

  text() {
    return `text ${++this.#texts}`;
  }

  /** Carries out one action, and lets the pages react to it. */
  async step({ page: place, action, choice, turns }) {
    const page = this.pages[place];
    this.#choice = choice;
    action.act(this, page);
    this.#note(`${page.name} ${action.name}`, page);
    for (let turn = 0; turn < turns; turn++) await this.time.pass(1);
  }

  #note(what, { snapshot }) {
    const seen = [what, JSON.stringify(snapshot.delivery), JSON.stringify(texts(snapshot)), snapshot.status, this.backend.requests.length].join(" ");
    this.trace.push(seen);
  }

  /** Returns a word that occurs nowhere else. */
  say() {
    if (this.backend.task()) this.backend.say(`${++this.#words} `);
  }

  nextCall() {
    return `call-${++this.#calls}`;
  }

  /**
   * Ends the run: the network works again, the model answers everything, and each page sends what it has and loads the history.
   */
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

  /** Sends a message that waits, and answers until it has an outcome. */
  async #answered(page, key) {
    let isOver = false;
    page.conversation.retry(key).catch(() => {}).finally(() => void (isOver = true));
    await this.time.until(() => {
      if (this.backend.task()) this.backend.finish();
      answerCall(page);
      // A failure of another call makes the queue wait again.
      if (!page.snapshot.isRunning && page.snapshot.delivery[key] === "queued") page.call(() => page.conversation.retry(key));
      return isOver;
    }, () => `a call has no outcome: ${JSON.stringify(this.pages.map(({ snapshot }) => snapshot))}`);
  }

  /** Answers until the page is idle. */
  async #rest(page) {
    await this.time.until(() => {
      if (this.backend.task()) this.backend.finish();
      return !page.snapshot.isRunning && page.snapshot.status !== "loading" && !Object.values(page.snapshot.delivery).includes("sending");
    }, () => `the page does not rest: ${JSON.stringify(page.snapshot)}`);
  }
}

function lastCall(page) {
  const last = page.snapshot.messages.filter(({ role }) => role === "assistant").at(-1);
  return last?.parts.find(({ state }) => state === "input-available")?.toolCallId;
}

/** The possible actions. Frequent ones are listed more than once. */
const ACTIONS = [
  { name: "send", act: (world, page) => type(page, world.text(), (text) => page.conversation.send(text)) },
  { name: "send", act: (world, page) => type(page, world.text(), (text) => page.conversation.send(text)) },
  { name: "send", act: (world, page) => type(page, world.text(), (text) => page.conversation.send(text)) },
  { name: "edit", act: (world, page) => edit(world, page) },
  { name: "regenerate", act: (_, page) => page.call(() => page.conversation.regenerate()) },
  { name: "retry", act: (_, page) => page.call(() => page.conversation.retry()) },
  { name: "stop", act: (_, page) => page.call(() => page.conversation.stop()) },
  { name: "refresh", act: (_, page) => page.call(() => page.conversation.refresh()) },
  { name: "resume", act: (_, page) => page.call(() => page.conversation.resume()) },
  { name: "reload", act: (_, page) => page.reload() },
  { name: "tool output", act: (_, page) => answerCall(page) },
  { name: "remove", act: (world, page) => removeWaiting(world, page) },
  { name: "the request is lost", act: ({ backend }) => backend.faults.push("lose") },
  { name: "the answer is lost", act: ({ backend }) => backend.faults.push("lose-answer") },
  { name: "the request is refused", act: ({ backend }) => backend.faults.push("refuse") },
  { name: "cut", act: ({ backend }) => backend.cut() },
  { name: "word", act: (world) => world.say() },
  { name: "word", act: (world) => world.say() },
  { name: "word", act: (world) => world.say() },
  { name: "word", act: (world) => world.say() },
  { name: "call", act: (world) => world.backend.task()?.write({ type: "tool-input-available", toolCallId: world.nextCall(), toolName: "look", input: {} }) },
  { name: "finish", act: ({ backend }) => backend.task() && backend.finish() },
  { name: "finish", act: ({ backend }) => backend.task() && backend.finish() },
  { name: "fail", act: ({ backend }) => backend.task() && backend.fail() },
];

function type(page, text, send) {
  page.typed.add(text);
  page.call(() => send(text));
}

/** Edits a question. Its text and everything after it no longer has to be present. */
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

/** Checks that a typed text that was not removed is stored or replaced by the backend, or waits in the page. */
function checkTyped(world) {
  for (const page of world.pages) {
    const shown = new Set(page.snapshot.messages.flatMap(({ parts }) => parts.map(({ text }) => text)));
    for (const text of page.typed) {
      assert.ok(shown.has(text) || world.replaced.has(text), `"${text}" of ${page.name} is lost`);
    }
  }
}

/** Collects the texts that the backend has removed for an edit, or that the person has replaced before they were sent. */
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

/** Draws the steps of a seed before the run, so that the run can be repeated without some of them. */
function programOf(seed) {
  const draw = numbers(seed);
  const below = (count) => Math.floor(draw() * count);
  return Array.from({ length: STEPS }, () => ({ page: below(2), action: ACTIONS[below(ACTIONS.length)], choice: draw(), turns: below(6) }));
}

/** Runs a program. Resolves with the resulting world, and with the error if a check failed. */
function run(program, seed, pages) {
  const runIn = (time) => inWorld(new World(time, pages), program);
  return inTime(seed, (time) => (pages.crossTab ? withTabs(() => runIn(time)) : runIn(time)));
}

async function inWorld(world, program) {
  watchReplaced(world);
  try {
    for (const step of program) await world.step(step);
    await world.settle();
    if (world.failure) throw world.failure;
    checkTyped(world);
    for (const page of world.pages) {
      assert.deepEqual(page.snapshot.delivery, {}, page.name);
      assert.deepEqual(texts(page.snapshot), world.backend.texts(), page.name);
    }
  } catch (error) {
    world.error = error;
  } finally {
    closeAll();
  }
  return world;
}

/** Removes steps, many at once first, as long as the program still fails. */
async function shortest(program, seed, pages) {
  let shown = program;
  for (let size = shown.length / 2; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < shown.length; ) {
      const shorter = shown.toSpliced(at, size);
      if ((await run(shorter, seed, pages)).error) shown = shorter;
      else at += size;
    }
  }
  return shown;
}

/** Runs seeds. Returns whether a tab has followed another one in any of them. */
async function runSeeds(pages) {
  let isShared = false;
  for (const seed of seeds) {
    const world = await run(programOf(seed), seed, pages);
    if (only !== undefined) console.log(world.trace.join("\n"));
    if (world.error) await explain(seed, pages);
    isShared ||= world.isShared;
  }
  return isShared;
}

async function explain(seed, pages) {
  const program = await shortest(programOf(seed), seed, pages);
  const { trace, error } = await run(program, seed, pages);
  throw new Error(`seed ${seed}: ${error.message}\n${trace.join("\n")}`, { cause: error });
}

const seeds = only === undefined ? [...FOUND, ...Array.from({ length: SEEDS }, (_, place) => FIRST + place)] : [Number(only)];

test("a seed is one run", async () => {
  for (const pages of [{ crossTab: false }, { crossTab: true }]) {
    const [one, other] = [await run(programOf(3), 3, pages), await run(programOf(3), 3, pages)];
    assert.deepEqual(one.trace, other.trace);
    assert.deepEqual(one.backend.requests, other.backend.requests);
  }
});

test("whatever two devices do in which order, each message is shown once, in order, and nothing typed is lost", () => runSeeds({ crossTab: false }));

test("whatever two tabs do in which order, each message is shown once, in order, and nothing typed is lost", async () => {
  const isShared = await runSeeds({ crossTab: true });
  if (only === undefined) assert.ok(isShared, "no tab followed another one");
});
