// Measures the memory that remains of a stream that has ended.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { output, root } from "../run.mjs";
import { out } from "./peers.mjs";
import { printTable } from "./table.mjs";

const ROWS = [
  { side: "rejoin", chunks: 20_000 },
  { side: "rejoin", chunks: 200_000 },
  { side: "ai sdk", chunks: 20_000 },
];

export async function memory() {
  const dist = pathToFileURL(join(root, "dist/index.js")).href;
  const body = ROWS.map(({ side, chunks }) => {
    const printed = output(process.execPath, ["--expose-gc", join(out, "memory.mjs"), dist, side, String(chunks)]);
    if (!printed) throw new Error(`The memory of ${side} could not be measured`);
    const { heap, wasm } = JSON.parse(printed);
    return [side, chunks, kilobytes(heap), side === "rejoin" ? kilobytes(wasm) : ""];
  });
  printTable("Memory that is kept when the stream has ended (Node, after garbage collection)", ["side", "chunks", "JavaScript", "WebAssembly"], body);
}

function kilobytes(count) {
  return `${Math.round(count / 1000)} kB`;
}
