// The migrated app compiles in strict mode, and docs/migrating-copilot.md states the true cost of the migration.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { app, bundle, root } from "./lib/build.mjs";

const guide = readFileSync(join(root, "docs/migrating-copilot.md"), "utf8");

test("the app compiles under tsc --strict, before and after", () => {
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["--project", app, "--pretty", "false"], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the guide counts the lines that the steps remove and add", () => {
  const { stdout } = spawnSync("git", ["diff", "--no-index", "--numstat", "before", "after"], { cwd: app, encoding: "utf8" });
  const files = stdout.trim().split("\n").filter((line) => !line.endsWith("main.tsx"));
  const sum = (column) => files.reduce((all, line) => all + Number(line.split("\t")[column]), 0);
  const [, removed, added] = /remove (\d+) lines and add (\d+)/.exec(guide) ?? [];
  assert.deepEqual([Number(removed), Number(added)], [sum(1), sum(0)]);
});

test("the guide states the bytes before and after within a quarter", async () => {
  const [, ...said] = /was (\d+) kB after brotli and is (\d+) kB now/.exec(guide) ?? [];
  const external = ["react", "react-dom", "react-dom/client", "react/jsx-runtime"];
  for (const [at, state] of ["before", "after"].entries()) {
    const { outputFiles } = await bundle(state, { write: false, external, outdir: root });
    const kilobytes = brotliCompressSync(outputFiles[0].contents).length / 1000;
    assert.ok(Math.abs(Number(said[at]) - kilobytes) < kilobytes / 4, `${state}: the guide says ${said[at]} kB, it is ${kilobytes} kB`);
  }
});
