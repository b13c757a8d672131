// The package in Node against a backend that does only the base part of PROTOCOL, through the fault proxy: the same kind
// of plans as against ours. A plan that fails is run again alone by REJOIN_SEED=<seed>; REJOIN_PLANS=<n> sets how many.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createChatStreams } from "rejoin";
import { CopilotBackend, tidy } from "../copilot/backend.mjs";
import { withLimit } from "./lib/limit.mjs";
import { random } from "./lib/random.mjs";
import { Truth } from "./lib/server.mjs";
import { inTurn, REJOIN, STREAM } from "./lib/stage.mjs";
import { FaultProxy } from "./proxy.mjs";

const PLANS = Number(process.env.REJOIN_PLANS ?? 120);
const ALONE = process.env.REJOIN_SEED;
const AT_ONCE = 12;

const backends = {};

before(async () => {
  const often = { sendCommentMs: 200, joinCommentMs: 200 };
  for (const cursors of ["ignored", "honoured"]) backends[cursors] = await new CopilotBackend({ ...tidy, ...often, cursors }).up();
  backends.forgetful = await new CopilotBackend({ ...tidy, ...often, keepMs: 1 }).up();
  backends.copilot = await new CopilotBackend({ ...often, completeAfterMs: 0 }).up();
});

after(() => Promise.all(Object.values(backends).map((backend) => backend.stop())));

const MESSAGES = ["/tokens 60", "/tokens 40 /pace 2", "/tool search /tokens 20", "/legacy /tokens 40", "/legacy /tool search /tokens 20 /pace 2"];

/** Returns the plan of a seed: a backend, a message, and up to five faults of the streams. */
function planOf(seed) {
  const { below, pick } = random(seed);
  const misfortune = () =>
    pick([
      ...["rst", "fin", "eof", "half-open", "rst", "fin", "eof"].map((kind) => ({ kind, at: below(pick([40, 700, 2500])) })),
      { kind: "refuse" },
      { kind: "answer", status: pick([502, 503, 429, 408]), headers: { "retry-after": "0" } },
    ]);
  const faults = Array.from({ length: 1 + below(5) }, misfortune);
  return { backend: pick(["ignored", "honoured", "copilot"]), message: `plan ${seed} ${pick(MESSAGES)}`, faults };
}

/** Returns a client with short delays, and what it receives. */
function client(url, options = {}) {
  const streams = createChatStreams({
    baseUrl: `${url}/api/chat`,
    storage: "memory",
    delivery: "immediate",
    retry: { initialDelayMs: 20, maxDelayMs: 60, maxRetries: 20 },
    stallTimeoutMs: 800,
    seed: 1,
    ...options,
  });
  const received = [];
  return { streams, received, listener: (chunk) => void (chunk.type === "stream_reset" ? received.splice(0) : received.push(chunk)) };
}

async function play({ backend = "ignored", faults = [], message }) {
  const truth = new Truth(backends[backend].url);
  const session = await truth.createSession();
  const proxy = await new FaultProxy(backends[backend].url).up();
  const { streams, received, listener } = client(proxy.url);
  try {
    // Every page that opens a chat does this. It lets the client recognise a message whose response is lost by its position.
    await streams.resumeSession(session);
    proxy.plan = inTurn(...faults);
    const outcome = await streams.startStream(session, message, listener);
    return { outcome, received, proxy, stored: await truth.session(session), metrics: streams.getMetrics(session) };
  } finally {
    streams.close();
    await proxy.down();
  }
}

const textOf = (chunks) => chunks.filter(({ type }) => type === "text_chunk").map(({ content }) => content).join("");

/** Checks the guarantees of API.md, as far as one stream shows them. */
function assertWhole({ outcome, received, stored, metrics }) {
  assert.equal(outcome.kind, "finished", outcome.error?.code);
  assert.equal(outcome.joined, undefined, "it is the message's own task");
  assert.equal(textOf(received), stored.messages.findLast(({ role }) => role === "assistant").content, "the text is the stored one");
  assert.equal(stored.messages.filter(({ role }) => role === "user").length, 1, "one turn");
  assert.equal(received.at(-1).type, "stream_end");
  assert.ok(metrics.resets > 0 || received.every(({ replayed }) => !replayed), "nothing is old to a page that was not reloaded");
  const calls = stored.messages.flatMap(({ tool_calls }) => tool_calls ?? []).map(({ id }) => id);
  assert.deepEqual(received.filter(({ type }) => type === "tool_response").map(({ tool_id }) => tool_id), calls);
}

/** Plays all plans, some at a time, and reports which failed. */
async function playAll(plans) {
  const failures = [];
  const rest = [...plans];
  const work = async () => {
    for (let plan = rest.shift(); plan !== undefined; plan = rest.shift()) {
      try {
        assertWhole(await withLimit(play(plan), 30_000));
      } catch (error) {
        failures.push(`${JSON.stringify(plan)}\n  ${error.message.split("\n").slice(0, 6).join("\n  ")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  assert.equal(failures.length, 0, `${failures.length} plans failed:\n${failures.slice(0, 10).join("\n")}`);
}

test(`${PLANS} plans of misfortunes give the stored answer, once, in one turn`, () => {
  const seeds = ALONE ? [Number(ALONE)] : Array.from({ length: PLANS }, (_, seed) => seed);
  return playAll(seeds.map((seed) => ({ seed, ...planOf(seed) })));
});

test("every byte of a short answer may be the last one of the first connection", async () => {
  const message = "/tokens 2";
  const { outcome } = await play({ message });
  const response = await fetch(`${backends.ignored.url}/api/chat/tasks/${outcome.taskId}/stream`);
  const { byteLength } = await response.arrayBuffer();
  await playAll(Array.from({ length: byteLength }, (_, at) => ({ message, faults: [{ kind: at % 2 ? "fin" : "eof", at }] })));
});

describe("without ids", () => {
  test("a rejoin requests the stream from its start, and delivers nothing twice", async () => {
    const { proxy, metrics, ...rest } = await play({ message: "/tokens 40", faults: [{ kind: "fin", at: 1500 }] });
    assertWhole({ metrics, ...rest });
    assert.match(proxy.seen.find(({ path }) => REJOIN.test(path)).path, /last_message_id=0-0/);
    assert.ok(metrics.duplicates > 10 && metrics.resets === 0, JSON.stringify(metrics));
  });

  test("a message whose answer was lost is looked for before it is sent again", async () => {
    const { proxy, ...rest } = await play({ message: "/tokens 40 /pace 2", faults: [{ kind: "rst", at: 0 }] });
    assertWhole(rest);
    assert.equal(proxy.count("POST", STREAM), 1);
  });

  test("the same text sent twice is two turns", async () => {
    const truth = new Truth(backends.ignored.url);
    const session = await truth.createSession();
    const { streams } = client(backends.ignored.url);
    for (let turn = 0; turn < 2; turn += 1) assert.equal((await streams.startStream(session, "yes")).kind, "finished");
    const { messages } = await truth.session(session);
    assert.equal(messages.filter(({ role }) => role === "user").length, 2);
    streams.close();
  });

  test("a page that comes back gets the whole answer, with what it had before flagged as replayed", async () => {
    const saved = new Map();
    const storage = { getItem: (key) => saved.get(key) ?? null, setItem: (key, value) => void saved.set(key, value), removeItem: (key) => void saved.delete(key), key: (at) => [...saved.keys()][at] ?? null, get length() { return saved.size; } };
    const truth = new Truth(backends.ignored.url);
    const session = await truth.createSession();
    const first = client(backends.ignored.url, { storage });
    const left = first.streams.startStream(session, "/tokens 100 /pace 5", first.listener);
    await until(first, session, () => textOf(first.received).length > 60);
    const known = first.received.length;
    first.streams.close();
    assert.equal((await left).kind, "superseded");
    const second = client(backends.ignored.url, { storage });
    assert.equal((await second.streams.resumeSession(session, second.listener)).kind, "finished");
    assert.equal(textOf(second.received), await truth.answer(session));
    assert.equal(second.received.filter(({ replayed }) => replayed).length, known);
    assert.ok(second.received.slice(known).every(({ replayed }) => !replayed));
    second.streams.close();
  });

  test("a stop takes a backend that cannot cancel as done, and no chunk comes after it", async () => {
    const session = await new Truth(backends.ignored.url).createSession();
    const { streams, received, listener } = client(backends.ignored.url);
    const outcome = streams.startStream(session, "/tokens 500 /pace 5", listener);
    await until({ streams }, session, () => textOf(received).length > 30);
    await streams.stopStream(session);
    const chunks = received.length;
    assert.equal((await outcome).kind, "stopped");
    assert.deepEqual(streams.listActiveTasks(), []);
    assert.equal(received.length, chunks);
    streams.close();
  });

  test("a task whose stream is gone after a cut is finished from the session", async () => {
    const plan = { backend: "forgetful", message: "/tokens 20 /tool search", faults: [{ kind: "fin", at: 600 }, { kind: "delay", ms: 50 }] };
    assertWhole(await play(plan));
  });

  test("an error in either dialect is a failure with its code", async () => {
    for (const dialect of ["", "/legacy"]) {
      const { outcome } = await play({ message: `/tokens 5 /error QUOTA ${dialect}`, faults: [{ kind: "eof", at: 200 }] });
      assert.deepEqual([outcome.kind, outcome.error.code], ["failed", "QUOTA"]);
    }
  });

  test("heartbeats that nobody announced keep a quiet stream, and silence is a stall", async () => {
    const quiet = await play({ message: "/tokens 2 /pace 1000" });
    assertWhole(quiet);
    assert.equal(quiet.metrics.reconnects, 0);
    const silent = await play({ message: "/tokens 40", faults: [{ kind: "half-open", at: 500 }] });
    assertWhole(silent);
    assert.equal(silent.metrics.reconnects, 1);
  });
});

/** Resolves when a condition holds. It is checked at every chunk of the session. */
function until({ streams }, session, holds) {
  return new Promise((done) => {
    const leave = streams.subscribeToStream(session, () => {
      if (!holds()) return;
      leave();
      done();
    });
  });
}
