// The card of ARCHITECTURE.md: the crates that the product was ordered with do their jobs, and no code of ours replaces them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CARD = ["gloo-storage", "gloo-timers", "js-sys", "serde", "serde-wasm-bindgen", "wasm-bindgen", "wasm-bindgen-futures", "web-sys"];

/** Patterns of code that does a job of the shell in TypeScript. */
const JOBS = {
  "a request": /(?<![.\w#])(?:globalThis\.|window\.)?fetch\s*\(/,
  "the storage": /\b(?:localStorage|sessionStorage)\b/,
  "a channel": /\bBroadcastChannel\b/,
  "a lock": /navigator\s*\??\.\s*locks\b/,
  "a timer": /\bset(?:Timeout|Interval)\s*\(/,
  "a controller": /\bAbortController\b/,
};

/** The files that match a pattern for another reason. */
const REASONS = {
  "js/conversation/list/history.ts": ["a controller"], // The app's own `load` takes a signal.
  "js/loader/wasm.ts": ["a request"], // The WebAssembly itself is fetched before there is a shell.
  "js/streams/delivery.ts": ["a timer"], // Chunks are shown by frames, or by the clock where none are drawn.
  "js/streams/task.ts": ["a timer"], // A turn for other tasks, where there is nothing better.
};

test("each crate of the card is a direct dependency of the WebAssembly", () => {
  const text = execFileSync("cargo", ["metadata", "--format-version=1", "--no-deps", "--offline"], { cwd: root, encoding: "utf8" });
  const { dependencies } = JSON.parse(text).packages.find(({ name }) => name === "rejoin");
  const shipped = dependencies.filter(({ kind, optional }) => kind === null && !optional).map(({ name }) => name);
  assert.deepEqual(CARD.filter((crate) => !shipped.includes(crate)), []);
});

test("each crate of the card is used by the shell", () => {
  const sources = files(join(root, "src")).filter((file) => file.endsWith(".rs")).map((file) => readFileSync(file, "utf8")).join("\n");
  const unused = CARD.filter((crate) => !new RegExp(`\\b${crate.replaceAll("-", "_")}::`).test(sources));
  assert.deepEqual(unused, []);
});

test("TypeScript does none of their jobs", () => {
  const found = [];
  for (const file of files(join(root, "js")).filter((name) => name.endsWith(".ts"))) {
    const name = relative(root, file);
    const code = readFileSync(file, "utf8").replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "").replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
    for (const [job, pattern] of Object.entries(JOBS)) {
      if (pattern.test(code) && !REASONS[name]?.includes(job)) found.push(`${name} does the job of the shell: ${job}`);
    }
  }
  assert.deepEqual(found, []);
});

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}
