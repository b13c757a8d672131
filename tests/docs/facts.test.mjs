// Checks statements of the documents about the package: links have targets, every code is explained, sizes are those of the
// build.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { documents, root } from "./lib/blocks.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");

for (const file of documents) {
  test(`every link of ${file} leads to a file`, () => {
    const targets = [...read(file).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target).filter((target) => !/^[a-z]+:/.test(target));
    assert.deepEqual(targets.filter((target) => !existsSync(join(root, dirname(file), target))), []);
  });
}

/** Constants that look like error codes. */
const NO_CODES = /^(HTTP_|CARGO_|REJOIN_|RUST_|CHAT_INTERNAL|OPENAI_|TEXT_CHUNK$)/;

function codesIn(folder, pattern) {
  const files = readdirSync(join(root, folder), { recursive: true }).filter((name) => /\.(rs|ts)$/.test(name) && !/test|redis|\.d\.ts$/.test(name));
  return files.flatMap((name) => [...read(join(folder, name)).matchAll(pattern)].map(([, code]) => code)).filter((code) => !NO_CODES.test(code));
}

test("every error code of the sources is explained in docs/errors.md", () => {
  // Codes are words in capitals. Those of a single word are listed by name, because many other things look like them.
  const codes = ["src", "js", "server/src"].flatMap((folder) => codesIn(folder, /"((?:[A-Z]+_[A-Z_]+)|CLOSED|UNSUPPORTED|NETWORK|INTERRUPTED|UNAUTHORIZED)"/g));
  const explained = read("docs/errors.md");
  assert.ok(codes.length > 40);
  assert.deepEqual([...new Set(codes)].filter((code) => !explained.includes(`\`${code}\``)).sort(), []);
});

test("docs/errors.md explains no code that nothing uses", () => {
  const sources = ["src", "js", "server/src"].flatMap((folder) => codesIn(folder, /"([A-Z][A-Z_]+)"/g));
  const explained = [...read("docs/errors.md").matchAll(/^\| ((?:`[A-Z_0-9]+`(?:, )?)+)/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([A-Z_0-9]+)`/g)].map(([, code]) => code));
  assert.ok(explained.length > 40);
  assert.deepEqual(explained.filter((code) => !code.startsWith("HTTP_") && !sources.includes(code)), []);
});

test("the sizes in the README are within a quarter of those of the build", () => {
  const size = (...names) => names.map((name) => readFileSync(join(root, "dist", name))).map((bytes) => [bytes.length, brotliCompressSync(bytes).length]).reduce(([a, b], [c, d]) => [a + c, b + d]);
  const rows = [["`rejoin`, everything inlined", size("index.js")], ["`rejoin/slim` and `rejoin/client.wasm`", size("slim.js", "client.wasm")]];
  for (const [label, actual] of rows) {
    const [, ...said] = new RegExp(`\\| ${label} \\| ([\\d.]+) kB \\| ([\\d.]+) kB \\|`).exec(read("README.md")) ?? [];
    assert.equal(said.length, 2, label);
    said.forEach((kilobytes, at) => assert.ok(Math.abs(Number(kilobytes) * 1000 - actual[at]) < actual[at] / 4, `${label}: README says ${kilobytes} kB, it is ${actual[at] / 1000} kB`));
  }
});
