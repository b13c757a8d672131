// The package in Node against the real server, through the fault proxy: some hundred plans of cuts, each from a seed.
// A plan that fails is run again alone by REJOIN_SEED=<seed>; REJOIN_PLANS=<n> sets how many there are.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createChatStreams } from "rejoin";
import { withLimit } from "./lib/limit.mjs";
import { random } from "./lib/random.mjs";
import { startServer, Truth } from "./lib/server.mjs";
import { inTurn, REJOIN, STREAM } from "./lib/stage.mjs";
import { FaultProxy } from "./proxy.mjs";

const PLANS = Number(process.env.REJOIN_PLANS ?? 300);
const ALONE = process.env.REJOIN_SEED;
const AT_ONCE = 12;

let server;
let truth;

before(async () => {
  server = await startServer("--heartbeat-ms", "200");
  truth = new Truth(server.url);
});

after(() => server?.stop());

const MESSAGES = [
  "/tokens 60 /rate 0",
  "/tokens 40 /rate 2000",
  "/unicode /tokens 30 /rate 0",
  "/tool search /tokens 20 /rate 0",
  "/reasoning /tool a /tool b /tokens 20 /rate 1000 /blocks 3",
  "/legacy /tokens 40 /rate 0",
  "/legacy /unicode /tool search /tokens 20 /rate 0",
];

/** Returns the plan of a seed: a message and up to five cuts of its streams. */
function planOf(seed) {
  const { below, pick } = random(seed);
  const cut = () => ({ kind: pick(["rst", "fin", "eof", "rst", "fin", "eof", "half-open"]), at: below(pick([40, 700, 3500])) });
  return { message: `plan ${seed} ${pick(MESSAGES)}`, faults: Array.from({ length: 1 + below(5) }, cut) };
}

/** Returns a client with short delays, and what it receives. */
function client(url) {
  const streams = createChatStreams({
    baseUrl: `${url}/api/chat`,
    storage: "memory",
    delivery: "immediate",
    retry: { initialDelayMs: 20, maxDelayMs: 60 },
    // Otherwise a connection that goes silent before it announces its heartbeat would be kept for 45 seconds.
    stallTimeoutMs: 800,
    seed: 1,
  });
  const received = [];
  return { streams, received, listener: (chunk) => void (chunk.type === "stream_reset" ? received.splice(0) : received.push(chunk)) };
}

async function play(faults, message) {
  const session = await truth.createSession();
  const proxy = await new FaultProxy(server.url).up();
  proxy.plan = inTurn(...faults);
  const { streams, received, listener } = client(proxy.url);
  try {
    const outcome = await streams.startStream(session, message, listener);
    return { outcome, received, proxy, faults, stored: await truth.session(session), snapshot: streams.getSnapshot(session) };
  } finally {
    streams.close();
    await proxy.down();
  }
}

const textOf = (chunks) => chunks.filter(({ type }) => type === "text_chunk").map(({ content }) => content).join("");

function partsText({ message }) {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Checks the guarantees of API.md, as far as one stream shows them. */
function assertWhole({ outcome, received, proxy, faults, stored, snapshot }) {
  assert.equal(outcome.kind, "finished", outcome.error?.code);
  const answer = stored.messages.findLast(({ role }) => role === "assistant");
  assert.equal(textOf(received), answer.content, "the text is the stored one");
  assert.equal(partsText(snapshot), answer.content, "so is the message's");
  assertOnceInOrder(received);
  assertTools(received, stored.messages);
  assert.equal(received.at(-1).type, "stream_end");
  assert.equal(stored.messages.filter(({ role }) => role === "user").length, 1);
  assertSentOnce(proxy, faults);
}

/**
 * Checks that there was one POST. Only a reset may have lost a response that the proxy had passed on already. Then the message is
 * sent again with the same id.
 */
function assertSentOnce(proxy, faults) {
  const posts = proxy.seen.filter(({ method, path }) => method === "POST" && STREAM.test(path));
  assert.equal(new Set(posts.map(({ body }) => JSON.parse(body).message_id)).size, 1, "one message id");
  if (faults[0]?.kind !== "rst") assert.equal(posts.length, 1, "one POST");
}

function assertOnceInOrder(received) {
  const ids = received.map(({ eventId }) => eventId).filter(Boolean).map((id) => id.split("-").map(BigInt));
  const early = ids.findIndex(([ms, seq], nth) => nth > 0 && (ms < ids[nth - 1][0] || (ms === ids[nth - 1][0] && seq <= ids[nth - 1][1])));
  assert.equal(early, -1, "event ids rise");
}

function assertTools(received, messages) {
  const started = new Map(received.filter(({ type }) => type === "tool_call_start").map((chunk) => [chunk.tool_id, chunk.arguments]));
  const responses = received.filter(({ type }) => type === "tool_response");
  const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? []);
  assert.deepEqual([...started.keys()], calls.map(({ id }) => id));
  assert.deepEqual([...started.values()], calls.map((call) => JSON.parse(call.function.arguments)));
  assert.deepEqual(responses.map(({ tool_id }) => tool_id), calls.map(({ id }) => id));
}

test(`${PLANS} plans of cuts give the stored answer, once, from one POST`, async (t) => {
  const seeds = ALONE ? [Number(ALONE)] : Array.from({ length: PLANS }, (_, seed) => seed);
  const failures = [];
  const work = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const { message, faults } = planOf(seed);
      try {
        assertWhole(await withLimit(play(faults, message), 30_000));
      } catch (error) {
        failures.push(`REJOIN_SEED=${seed} ${JSON.stringify({ message, faults })}\n  ${error.message.split("\n").slice(0, 6).join("\n  ")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failures.length > 0) t.diagnostic(failures.join("\n"));
  assert.equal(failures.length, 0, `${failures.length} plans failed:\n${failures.slice(0, 10).join("\n")}`);
});

describe("every byte of a short answer", () => {
  test("may be the last one of the first connection", async () => {
    const message = "/unicode /tokens 3 /rate 0";
    const whole = await play([], message);
    const length = await bodyLength(whole);
    const places = Array.from({ length }, (_, at) => at);
    const failures = [];
    const work = async () => {
      for (let at = places.shift(); at !== undefined; at = places.shift()) {
        try {
          assertWhole(await withLimit(play([{ kind: at % 2 ? "fin" : "eof", at }], message), 30_000));
        } catch (error) {
          failures.push(`${at}: ${error.message.split("\n")[0]}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    assert.deepEqual(failures.slice(0, 10), []);
  });
});

/** Returns the length of the task's stream when it is replayed, in bytes. */
async function bodyLength({ outcome }) {
  const response = await fetch(`${truth.base}/tasks/${outcome.taskId}/stream`);
  return (await response.arrayBuffer()).byteLength;
}

describe("outcomes", () => {
  test("a stopped stream is stopped, and its task cancelled", async () => {
    const session = await truth.createSession();
    const { streams, received, listener } = client(server.url);
    const outcome = streams.startStream(session, "/tokens 5000 /rate 200", listener);
    await until(() => textOf(received).length > 50, streams, session);
    await streams.stopStream(session);
    const { kind, taskId } = await outcome;
    assert.equal(kind, "stopped");
    assert.equal((await truth.task(taskId)).status, "cancelled");
    streams.close();
  });

  test("a hundred streams and one that fails do not end the process", async () => {
    for (let nth = 0; nth < 100; nth += 1) await play([], "/tool a /tokens 20 /rate 0");
    for (let nth = 0; nth < 5; nth += 1) assert.equal((await play([], "/tokens 5 /rate 0 /error X")).outcome.kind, "failed");
  });

  test("an error chunk is a failure with its code", async () => {
    const { outcome, received } = await play([{ kind: "rst", at: 600 }], "/tokens 10 /rate 0 /error MODEL_OVERLOADED");
    assert.equal(outcome.kind, "failed");
    assert.equal(outcome.error.code, "MODEL_OVERLOADED");
    assert.equal(received.filter(({ type }) => type === "error").length, 1);
  });

  test("a second client resumes what the first one left, from its beginning", async () => {
    const session = await truth.createSession();
    const first = client(server.url);
    const left = first.streams.startStream(session, "/tokens 100 /rate 200", first.listener);
    await until(() => textOf(first.received).length > 50, first.streams, session);
    first.streams.close();
    assert.equal((await left).kind, "superseded");
    const second = client(server.url);
    const outcome = await second.streams.resumeSession(session, second.listener);
    assert.equal(outcome.kind, "finished");
    assert.equal(textOf(second.received), await truth.answer(session));
    assert.equal(await second.streams.resumeSession(session), null);
    second.streams.close();
  });

  test("a task is joined after a cursor", async () => {
    const { outcome, received, stored } = await play([], "/tokens 50 /rate 0");
    const middle = received[25];
    const { streams, received: rest, listener } = client(server.url);
    const again = await streams.reconnectToTask(stored.id, outcome.taskId, middle.eventId, listener);
    assert.equal(again.kind, "finished");
    assert.deepEqual(textOf(rest), textOf(received.slice(26)));
    streams.close();
  });

  test("a rejoin after a cut asks for what comes after the cursor", async () => {
    const { proxy } = await play([{ kind: "fin", at: 2000 }], "/tokens 60 /rate 0");
    const rejoin = proxy.seen.find(({ path }) => REJOIN.test(path));
    assert.match(rejoin.path, /last_message_id=\d+-\d+/);
  });
});

/** Resolves when a condition holds. It is checked at every change of the session. */
function until(holds, streams, session) {
  return new Promise((done) => {
    const look = () => {
      if (!holds()) return;
      leave();
      done();
    };
    const leave = streams.onSnapshot(session, look);
    look();
  });
}
