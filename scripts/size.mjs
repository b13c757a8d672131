// `npm run size`: what the package costs to download, by brotli at its best, beside the budget that `npm test` holds.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "./build.mjs";
import { root } from "./lib/run.mjs";

/**
 * Files that an app downloads together, and the most bytes of brotli that they may take: what was reached, and 3 %. The
 * goals are 115 and 120 kB; BENCHMARKS.md says what is in the way.
 */
const ROWS = [
  { label: "rejoin/slim + wasm", files: ["slim.js", "client.wasm"], budget: 153_500 },
  { label: "rejoin/react", files: ["react.js"], budget: 3_000 },
  // By itself; on top of the client it is a good kilobyte less. The goal is 6 kB there.
  { label: "conversation", files: ["conversation.js"], budget: 9_200 },
  { label: "rejoin, inlined", files: ["index.js"], budget: 160_000 },
];

/** Prints the sizes of what is in dist/, and gives the rows that are over their budget. */
export function checkSizes() {
  const over = [];
  for (const { label, files, budget } of ROWS) {
    const contents = files.map((name) => readFileSync(join(root, "dist", name)));
    const sum = (measure) => contents.reduce((all, file) => all + measure(file), 0);
    const compressed = sum(brotli);
    console.log(`${label.padEnd(20)} ${kilobytes(sum((file) => file.length))} ${kilobytes(compressed)} brotli, budget ${kilobytes(budget)}`);
    if (compressed > budget) over.push(label);
  }
  return over;
}

function brotli(data) {
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(data, { params }).length;
}

function kilobytes(count) {
  return `${(count / 1000).toFixed(1)} kB`.padStart(9);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await build();
  const over = checkSizes();
  if (over.length > 0) throw new Error(`over budget: ${over.join(", ")}`);
}
