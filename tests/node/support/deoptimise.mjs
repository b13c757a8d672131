// Makes V8 optimise a caller of a method that returns a value of WebAssembly, and deoptimise it during a later call.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [slim, wasm] = process.argv.slice(2);
const { init, createChatStreams } = await import(pathToFileURL(slim));
await init(readFileSync(wasm));

const prototype = { read: 1 };
const object = Object.create(prototype);
let changes = false;

const storage = {
  length: 0,
  key: () => null,
  getItem() {
    // V8 has compiled the caller for a property that never changes.
    if (changes) prototype.read += 1;
    changes = false;
    return null;
  },
  setItem() {},
  removeItem() {},
};
const streams = createChatStreams({ storage, fetch: () => new Promise(() => {}) });

function caller() {
  return [streams.getActiveTask("session"), object.read];
}

for (let round = 0; round < 20; round += 1) {
  for (let call = 0; call < 20_000; call += 1) caller();
  // The optimising compiler runs beside this thread and installs its code between tasks.
  await new Promise((done) => setTimeout(done, 10));
  changes = true;
  caller();
}
streams.close();
