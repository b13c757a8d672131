// js/loader/shield.ts: with it an app's code cannot end the process, and without it V8 of Node 20 and 22 does.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rejoin-shield-"));
const unshielded = join(folder, "slim.mjs");

/** Builds `rejoin/slim` with exports that have no proxies. */
const withoutShield = {
  name: "without shield",
  setup: ({ onLoad }) => onLoad({ filter: /loader\/shield\.ts$/ }, () => ({ loader: "ts", contents: "export const shielded = (exports: WebAssembly.Exports) => exports;" })),
};

before(() => build({ entryPoints: [at("../../js/slim.ts")], outfile: unshielded, bundle: true, format: "esm", target: "es2022", plugins: [withoutShield] }));
after(() => rmSync(folder, { recursive: true }));

/** Plays the workload of support/deoptimise.mjs with a build of `rejoin/slim`, in a process of its own. */
function play(slim) {
  return spawnSync(process.execPath, [at("support/deoptimise.mjs"), slim, at("../../dist/client.wasm")], { encoding: "utf8", timeout: 60_000 });
}

describe("a storage of the app that changes what the caller of getActiveTask reads", () => {
  test("does not end the process", () => {
    const { status, stderr } = play(at("../../dist/slim.js"));
    assert.equal(status, 0, stderr);
  });

  test("ends the process of Node 20 and 22 without the shield", { skip: Number(process.versions.node.split(".")[0]) > 22 }, () => {
    const { status, stderr } = play(unshielded);
    assert.notEqual(status, 0, "Node no longer needs the shield: remove js/loader/shield.ts and this test");
    assert.match(stderr, /unreachable code/);
  });
});
