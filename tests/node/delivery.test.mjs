// The times of deliveries with `delivery: "frame"`, in frames that the test draws.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { Backend, until } from "./lib/backend.mjs";

const REPLAYED = 2_000;
/** The time after which a delivery no longer waits for a frame, in milliseconds (js/streams/delivery.ts). */
const LATEST_FRAME = 250;
/** The callbacks of requested frames, by their numbers. */
let frames;
let lastFrame = 0;
let now;
let streams;

beforeEach(() => {
  frames = new Map();
  // A whole number: with fractions, 99 and 1 could add up to a little less than 100.
  now = Math.ceil(performance.now());
  mock.method(performance, "now", () => now);
  // Timers of the test's frames fire on time even if the machine is slow.
  const { setTimeout } = globalThis;
  mock.method(globalThis, "setTimeout", (run, ms, ...given) => setTimeout(run, ms === LATEST_FRAME ? 1e9 : ms, ...given));
  globalThis.requestAnimationFrame = (callback) => (frames.set(++lastFrame, callback), lastFrame);
  globalThis.cancelAnimationFrame = (frame) => void frames.delete(frame);
});

afterEach(() => {
  streams.close();
  mock.restoreAll();
  delete globalThis.requestAnimationFrame;
  delete globalThis.cancelAnimationFrame;
});

function draw(ms = 16) {
  now += ms;
  const drawn = [...frames.values()];
  frames.clear();
  for (const callback of drawn) callback(now);
}

/** Returns a stream whose beginning was shown, and the sizes of the batches since. */
async function shown() {
  const backend = new Backend();
  streams = createChatStreams({ fetch: backend.fetch, storage: "memory", seed: 1 });
  const batches = [];
  const outcome = streams.startStream("s", "hello", { onBatch: (chunks) => void batches.push(chunks.length) });
  const stream = await backend.stream();
  stream.begin();
  await taken(1);
  draw();
  await until(() => batches.length > 0);
  batches.length = 0;
  return { stream, outcome, batches };
}

/** Waits until so many chunks were received. */
function taken(chunks) {
  return until(() => streams.getMetrics("s").chunks >= chunks, "the chunks did not come");
}

/** Sends as much as only a replay sends at once. */
async function replay(stream) {
  const before = streams.getMetrics("s").chunks;
  stream.text(...Array.from({ length: REPLAYED }, (_, index) => `${index} `));
  await taken(before + REPLAYED);
}

test("what a stream brings is handed out in the frame that comes next", async () => {
  const { stream, batches } = await shown();
  const before = streams.getMetrics("s").chunks;
  stream.text("a", "b");
  await taken(before + 2);
  assert.deepEqual(batches, []);
  draw();
  assert.deepEqual(batches, [2]);
});

test("what a replay brings is handed out in one piece, in the first frame before which little came", async () => {
  const { stream, batches } = await shown();
  await replay(stream);
  draw();
  await replay(stream);
  draw();
  assert.deepEqual(batches, []);
  draw();
  assert.deepEqual(batches, [2 * REPLAYED]);
});

test("a replay that goes on is shown a tenth of a second after it began", async () => {
  const { stream, batches } = await shown();
  await replay(stream);
  draw(99);
  assert.deepEqual(batches, []);
  await replay(stream);
  draw(1);
  assert.deepEqual(batches, [2 * REPLAYED]);
});

test("a replay that a hidden page reads is handed out in its next turn", async () => {
  const { stream, batches } = await shown();
  globalThis.document = { visibilityState: "hidden" };
  const timers = mock.method(globalThis, "setTimeout").mock;
  try {
    await replay(stream);
    await until(() => batches.length > 0);
    assert.deepEqual(batches, [REPLAYED]);
    assert.equal(timers.calls.filter(({ arguments: [, ms] }) => ms === 50).length, 1);
  } finally {
    delete globalThis.document;
  }
});

test("the end of a replay waits for no frame", async () => {
  const { stream, outcome, batches } = await shown();
  now += 100;
  await replay(stream);
  stream.finish();
  assert.equal((await outcome).kind, "finished");
  assert.deepEqual(batches, [REPLAYED + 1]);
});

test("the end of a replay is delivered even if only timers let other tasks run", async () => {
  const { stream, outcome, batches } = await shown();
  const { setImmediate, MessageChannel } = globalThis;
  globalThis.setImmediate = globalThis.MessageChannel = undefined;
  try {
    now += 100;
    await replay(stream);
    stream.finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(batches, [REPLAYED + 1]);
  } finally {
    Object.assign(globalThis, { setImmediate, MessageChannel });
  }
});

test("the end of a replay right after a frame with its beginning comes in a frame of its own", async () => {
  const { stream, outcome, batches } = await shown();
  await replay(stream);
  draw(100);
  assert.deepEqual(batches, [REPLAYED]);
  await replay(stream);
  stream.finish();
  await until(() => streams.getMetrics("s").chunks >= 2 * REPLAYED + 2);
  draw();
  await outcome;
  assert.deepEqual(batches, [REPLAYED, REPLAYED + 1]);
});
