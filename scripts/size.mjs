// `npm run size`: what the package costs to download, by brotli at its best.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "./build.mjs";
import { root } from "./lib/run.mjs";

await build();
const bytes = (name) => readFileSync(join(root, "dist", name));
const brotli = (data) => brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: data.length, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
const kilobytes = (count) => `${(count / 1000).toFixed(1)} kB`.padStart(9);

const rows = [
  ["rejoin/slim", ["slim.js"]],
  ["rejoin/client.wasm", ["client.wasm"]],
  ["both of them", ["slim.js", "client.wasm"]],
  ["rejoin, inlined", ["index.js"]],
];
for (const [label, names] of rows) {
  const files = names.map(bytes);
  const sum = (measure) => kilobytes(files.reduce((all, file) => all + measure(file), 0));
  console.log(`${label.padEnd(20)} ${sum((file) => file.length)} ${sum(brotli)} brotli`);
}
