// The entry points of the packed package with every kind of module resolution, and the contents of the published packages.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
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
    assert.deepEqual(Object.keys(target).filter((condition) => condition !== "workerd"), ["types", "default"], name);
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

test("every module is ASCII, so that it is the same in any encoding", () => {
  for (const [name, { default: file }] of modules) assert.doesNotMatch(readFileSync(join(root, file), "utf8"), /[^\0-\x7f]/, name);
});

test("each source that a map names is in the map, or a file of the package", () => {
  const files = new Set(packed.files.map(({ path }) => path));
  for (const map of [...files].filter((path) => path.endsWith(".js.map"))) {
    const { sources, sourcesContent } = JSON.parse(readFileSync(join(root, map), "utf8"));
    const lost = sources.filter((source, index) => !sourcesContent[index] && !files.has(join(map, "..", source)));
    assert.deepEqual(lost, [], map);
  }
});

test("the declarations are one file for each entry point, and refer to nothing else", () => {
  const declarations = packed.files.map(({ path }) => path).filter((path) => path.endsWith(".d.ts"));
  assert.deepEqual(declarations.sort(), entries.map(([, { types }]) => types.slice(2)).sort());
  for (const path of declarations) {
    const imported = [...readFileSync(join(root, path), "utf8").matchAll(/(?:from|import\() ?"([^"]+)"/g)].map(([, name]) => name);
    assert.deepEqual(imported.filter((name) => !["./index.js", "ai", "react"].includes(name)), [], path);
  }
});

test("resolution that knows no exports finds the types of each entry point too", () => {
  for (const [name, { types }] of entries.filter(([name]) => name !== ".")) {
    assert.deepEqual(manifest.typesVersions["*"][name.slice(2)], [types], name);
  }
  assert.equal(manifest.types, manifest.exports["."].types);
});

test("the majors of ai that it asks for are those that are tested", () => {
  const tested = readdirSync(join(root, "tests/ai-sdk")).flatMap((name) => /^ai-(\d+)$/.exec(name)?.[1] ?? []);
  assert.deepEqual(manifest.peerDependencies.ai.split(" || "), tested.sort().map((major) => `^${major}`));
});

test("the hooks are marked as client code", () => {
  assert.match(readFileSync(join(root, manifest.exports["./react"].default), "utf8"), /^"use client";/);
});

test("the types resolve as the modules do, for Node and bundlers", async () => {
  const analysed = await checkPackage(createPackageFromTarballData(tarball));
  // Node 20.19 can load ES modules with `require`.
  const problems = analysed.problems.filter(({ kind }) => kind !== "CJSResolvesToESM");
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

test("Cargo would publish it: the packed crate compiles by itself", async () => {
  await run("cargo", ["publish", "--dry-run", "--allow-dirty", "--package", "rejoin"], { cwd: root });
});
