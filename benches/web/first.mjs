// The first chunk of a fresh page: `init`, a client, a stream; the answer is there at once.

import { answer, bytesOf, fetchOf } from "./input.mjs";

/** Milliseconds from the call of `init` to its end and to the first chunk. */
export async function firstChunk({ init, createChatStreams }, source) {
  const fetch = fetchOf(bytesOf(answer(1)), 16_384);
  const begin = performance.now();
  await init(source);
  const ready = performance.now();
  const streams = createChatStreams({ fetch, baseUrl: "http://bench.test", storage: "memory", crossTab: false, delivery: "immediate" });
  const first = await new Promise((done) => void streams.startStream("s", "hi", () => done(performance.now())));
  streams.close();
  return { init: ready - begin, first: first - begin };
}
