// Measures the first chunk of a fresh page: `init`, a client and a stream whose answer is available at once.

import { answer, bytesOf, fetchOf } from "./input.mjs";
import { typescript } from "./sides.mjs";

const fetch = () => fetchOf(bytesOf(answer(1)), 16_384);

/** Returns the milliseconds from the call of `init` to its end, and to the first chunk. */
export async function firstChunk({ init, createChatStreams }, source) {
  const options = { fetch: fetch(), baseUrl: "http://bench.test", storage: "memory", crossTab: false, delivery: "immediate" };
  const begin = performance.now();
  await init(source);
  const ready = performance.now();
  const streams = createChatStreams(options);
  const first = await new Promise((done) => void streams.startStream("s", "hi", () => done(performance.now())));
  streams.close();
  return { init: ready - begin, first: first - begin };
}

/** Returns the same times for the TypeScript layer, which has nothing to load. */
export async function firstChunkOfLayer() {
  const request = fetch();
  const begin = performance.now();
  const first = await new Promise((done) => void typescript(request, () => done(performance.now())));
  return { init: 0, first: first - begin };
}
