// The entry points of the packed package, as every kind of resolution finds them, and what is in the packages that are published.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { root, run } from "./lib/fresh.mjs";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target === "object");
const modules = entries.filter(([, target]) => target.default.endsWith(".js"));

let folder, packed, tarball;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "rejoin-entries-"));
  [packed] = JSON.parse(await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: root }));
  tarball = readFileSync(join(folder, packed.filename));
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("every entry point has its types first, and both are packed", () => {
  const files = new Set(packed.files.map(({ path }) => `./${path}`));
  for (const [name, target] of entries) {
    assert.deepEqual(Object.keys(target), ["types", "default"], name);
    for (const file of Object.values(target)) assert.ok(files.has(file), `${name}: ${file}`);
  }
  assert.equal(manifest.sideEffects, false);
});

test("every module has a source map that is packed and names the sources", () => {
  const files = new Set(packed.files.map(({ path }) => `./${path}`));
  for (const [name, { default: file }] of modules) {
    assert.match(readFileSync(join(root, file), "utf8"), /\n\/\/# sourceMappingURL=\S+\.js\.map\n?$/, name);
    assert.ok(files.has(`${file}.map`), name);
    const { sources, mappings } = JSON.parse(readFileSync(join(root, `${file}.map`), "utf8"));
    assert.ok(sources.some((source) => source.endsWith(".ts")) && mappings.length > 100, name);
  }
});

test("the hooks are marked as client code", () => {
  assert.match(readFileSync(join(root, manifest.exports["./react"].default), "utf8"), /^"use client";/);
});

test("the types resolve as the modules do, for Node and bundlers", async () => {
  const analysed = await checkPackage(createPackageFromTarballData(tarball));
  // Node 20.19 requires ES modules. The oldest resolution, which knows no exports, is left out: TypeScript 7 has dropped it.
  const problems = analysed.problems.filter(({ kind, resolutionKind }) => kind !== "CJSResolvesToESM" && resolutionKind !== "node10");
  assert.deepEqual(problems, []);
});

test("publint has nothing to say", async () => {
  const { messages } = await publint({ pack: { tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.length) }, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, manifest)), []);
});

test("what npm publishes is the built package and its papers, and small", () => {
  const expected = /^(dist\/(?:[\w-]+\/)*[\w.-]+\.(js|js\.map|d\.ts|wasm)|LICENSE-\w+|CHANGELOG\.md|README\.md|package\.json)$/;
  assert.deepEqual(packed.files.map(({ path }) => path).filter((path) => !expected.test(path)), []);
  assert.ok(packed.size < 1_000_000, `${packed.size} bytes`);
});

test("npm would publish it", async () => {
  await run("npm", ["publish", "--dry-run", "--ignore-scripts", "--silent", "--access", "public"], { cwd: root });
});

test("what Cargo publishes is the source and its papers", async () => {
  const listed = (await run("cargo", ["package", "--list", "--allow-dirty", "--package", "rejoin"], { cwd: root })).trim().split("\n");
  const expected = /^(src\/[\w/]+\.rs|Cargo\.(toml|toml\.orig|lock)|LICENSE-\w+|README\.md|\.cargo_vcs_info\.json)$/;
  assert.deepEqual(listed.filter((path) => !expected.test(path)), []);
  for (const file of ["src/lib.rs", "LICENSE-MIT", "LICENSE-APACHE", "README.md"]) assert.ok(listed.includes(file), file);
});

test("Cargo would publish it: what is packed compiles by itself", async () => {
  await run("cargo", ["publish", "--dry-run", "--allow-dirty", "--package", "rejoin"], { cwd: root });
});
