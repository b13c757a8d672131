// Measures the memory that remains of a stream that has ended, in a process of its own: `memory.mjs DIST SIDE CHUNKS` prints the
// bytes.

import { aiSdk, rejoinOpen } from "./sides.mjs";
import { answer, bytesOf, fetchOf } from "./input.mjs";

const [dist, side, chunks] = process.argv.slice(2);

const SIDES = {
  rejoin: async (rejoin, count) => {
    const streams = await rejoinOpen(rejoin, once(fetchOf(bytesOf(answer(count)), 16_384)));
    return { streams, message: streams.getSnapshot("s").message };
  },
  "ai sdk": (_, count) => aiSdk(answer(count)),
};

const memories = [];
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...given) => {
  const result = await instantiate(...given);
  memories.push((result.instance ?? result).exports.memory);
  return result;
};

const rejoin = await import(dist);
await rejoin.init();
await SIDES[side](rejoin, 100);
const before = kept();
const result = await SIDES[side](rejoin, Number(chunks));
console.log(JSON.stringify({ heap: kept() - before, wasm: memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) }));
// The result is in use up to here.
if (!result) throw new Error("nothing");

/** The client keeps its `fetch`, which must not keep what was read. */
function once(fetch) {
  return () => {
    const given = fetch();
    fetch = undefined;
    return given;
  };
}

function kept() {
  for (let time = 0; time < 4; time++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
