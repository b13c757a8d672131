// `npm run bench:instructions`: instructions that the hot loop takes per chunk, counted by callgrind, beside the counts
// of benches/instructions.json. Not seconds: those of a shared machine say nothing. `--write` makes the counts the new
// baseline. `npm test` fails when a row takes more than a few per cent more than there.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { output, root, run, targetDir } from "./lib/run.mjs";

const ROWS = ["deltas", "legacy", "escaped", "tools"];
const CHUNKS = 2_000;
const TOLERANCE = 0.05;
const baseline = join(root, "benches/instructions.json");

/** Counts, and returns the rows that became slower. */
export function checkInstructions() {
  const { compiler, counts } = JSON.parse(readFileSync(baseline, "utf8"));
  const present = measure();
  const slower = [];
  for (const [row, count] of Object.entries(present)) {
    const change = count / counts[row] - 1;
    console.log(`${row.padEnd(8)} ${count} instructions per chunk, ${change >= 0 ? "+" : ""}${(100 * change).toFixed(1)} %`);
    if (change > TOLERANCE) slower.push(row);
  }
  if (compiler === version()) return slower;
  console.log(`The baseline is of ${compiler}, this is ${version()}: not compared.`);
  return [];
}

function measure() {
  run("cargo", ["build", "--quiet", "--profile", "wasm", "--example", "hot"]);
  mkdirSync(join(targetDir, "bench"), { recursive: true });
  // Both counts include the start of the program, so the difference excludes it.
  return Object.fromEntries(ROWS.map((row) => [row, Math.round((count(row, 3) - count(row, 1)) / (2 * CHUNKS))]));
}

function count(row, tasks) {
  const program = join(targetDir, "wasm/examples/hot");
  const { status, stderr } = spawnSync("valgrind", ["--tool=callgrind", "--callgrind-out-file=/dev/null", program, row, String(tasks)], { encoding: "utf8" });
  const [, instructions] = /Collected : (\d+)/.exec(stderr) ?? [];
  if (status !== 0 || !instructions) throw new Error(`callgrind ended with ${status}: ${stderr}`);
  return Number(instructions);
}

function version() {
  return output("rustc", ["--version"]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv.includes("--write")) {
    writeFileSync(baseline, `${JSON.stringify({ compiler: version(), counts: measure() }, null, 2)}\n`);
  }
  const slower = checkInstructions();
  if (slower.length > 0) throw new Error(`slower than benches/instructions.json: ${slower.join(", ")}`);
}
