// Any answer, cut anywhere, through the parsers of `ai` 5, 6 and 7: none throws, and all end with the message of a run
// without cuts. SEEDS says how many answers; a failure names its seed, which SEED runs alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { RejoinChatTransport } from "../../dist/ai-sdk.js";
import { choices, orderlyAnswer, wildAnswer } from "./lib/answers.mjs";
import { LogBackend } from "./lib/log.mjs";
import { earliest, majors, read, streamOf } from "./lib/majors.mjs";

const SEEDS = Number(process.env.SEEDS ?? 40);
const seeds = process.env.SEED ? [Number(process.env.SEED)] : Array.from({ length: SEEDS }, (_, seed) => seed);

const USER = { id: "u-1", role: "user", parts: [{ type: "text", text: "hi" }] };
const SEND = { trigger: "submit-message", chatId: "s", messageId: undefined, messages: [USER], abortSignal: undefined };

function client(backend, storage = "memory") {
  return createChatStreams({ fetch: backend.fetch, storage, delivery: "immediate", retry: { initialDelayMs: 1, maxDelayMs: 1 }, seed: 1 });
}

/** Returns all chunks of one answer. */
async function chunksOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

async function answer(chunks, { cuts, target }) {
  const streams = client(new LogBackend(chunks, cuts));
  try {
    return await chunksOf(await new RejoinChatTransport({ streams, target }).sendMessages(SEND));
  } finally {
    streams.close();
  }
}

/** Reads an answer up to a place, then again as a reloaded page does. */
async function answerAfterReload(chunks, { place, cuts, target }) {
  const items = new Map();
  const storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value), removeItem: (key) => void items.delete(key) };
  const before = client(new LogBackend(chunks, [place, 0, 0, 0, 0, 0]), storage);
  await new Promise((done) => {
    const received = () => done();
    before.startStream("s", "hi", received);
  });
  before.close();
  const streams = client(new LogBackend(chunks, cuts), storage);
  try {
    return await chunksOf(await new RejoinChatTransport({ streams, target }).reconnectToStream({ chatId: "s" }));
  } finally {
    streams.close();
  }
}

async function assertAccepted(ai, chunks, why) {
  const { validate } = ai.uiMessageChunkSchema();
  for (const chunk of chunks) {
    const { success } = await validate(chunk);
    assert.ok(success, `${why}: ${JSON.stringify(chunk)}`);
  }
}

for (const { major, ai } of majors) {
  test(`ai ${major}: an orderly answer gives the message that its own transport would give`, async () => {
    for (const seed of seeds) {
      const chunks = orderlyAnswer(choices(seed), major);
      for (const target of [major, undefined]) {
        const given = await answer(chunks, { cuts: [], target });
        const message = await read(ai, streamOf(given));
        assert.deepEqual(message, await read(ai, streamOf(chunks)), `seed ${seed}, target ${target}`);
      }
    }
  });
}

/** The earliest minors run fewer seeds, and know fewer chunks than their schemas name. */
const minors = [
  ...majors.map((entry) => ({ ...entry, label: `ai ${entry.major}`, seeds, isFirst: false })),
  ...earliest.map((entry) => ({ ...entry, label: `ai ${entry.major}.0.0`, seeds: seeds.slice(0, SEEDS / 4), isFirst: true })),
];

for (const { major, ai, label, seeds, isFirst } of minors) {
  for (const [kind, make] of [["an orderly", orderlyAnswer], ["any", wildAnswer]]) {
    test(`${label}: ${kind} answer, cut anywhere, ends as it does without cuts`, async () => {
      for (const seed of seeds) {
        const random = choices(seed);
        const chunks = make(random, major);
        for (const target of [major, undefined]) {
          const why = `seed ${seed}, target ${target}`;
          const whole = await answer(chunks, { cuts: [], target });
          if (target && !isFirst) await assertAccepted(ai, whole, why);
          const cuts = [1, 2, 3, 4].map(() => random.below(6));
          const message = await read(ai, streamOf(whole));
          const cut = await answer(chunks, { cuts, target });
          assert.deepEqual(await read(ai, streamOf(cut)), message, `${why}, cuts ${cuts}`);
          const again = await answerAfterReload(chunks, { place: 1 + random.below(chunks.length), cuts, target });
          assert.deepEqual(await read(ai, streamOf(again)), message, `${why}, after a reload`);
        }
      }
    });
  }
}
