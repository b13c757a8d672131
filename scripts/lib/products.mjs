// Builds what is not part of the package: the server and the demo.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { root, run, succeed, targetDir } from "./run.mjs";
import { step } from "./step.mjs";

/**
 * Builds the server, and the tool that writes the package's glue. Returns the path of the server. It uses the profile of the
 * tests, so that `npm start` and `npm test` compile nothing twice. Cargo skips what has not changed.
 */
export async function buildServer() {
  await succeed("cargo", ["build", "--package", "rejoin-server", "--package", "rejoin-glue", "--profile", "test"]);
  return join(targetDir, "debug/rejoin-server");
}

/** Builds the server in the release profile. Returns its path. */
export async function buildServerForSpeed() {
  await succeed("cargo", ["build", "--package", "rejoin-server", "--release"]);
  return join(targetDir, "release/rejoin-server");
}

/** Builds the demo into www/dist. Needs the built package. */
export async function buildDemo() {
  const inputs = ["www/src", "www/public", "www/index.html", "www/package.json", "www/vite.config.ts", "package-lock.json", "dist", "scripts/lib/products.mjs"];
  await step("demo", { inputs, outputs: ["www/dist/index.html"] }, () => {
    run(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "warn"], { cwd: join(root, "www") });
    compress(join(root, "www/dist"));
  });
}

/** The files that do not change after the build. `npm start` writes `lab.json` again. */
const CONSTANT = /\.(html|js|css|svg|wasm)$/;

/** Writes the compressed forms of each file beside it, where the server looks for them. */
function compress(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!CONSTANT.test(name)) continue;
    const file = join(folder, name);
    const content = readFileSync(file);
    writeFileSync(`${file}.br`, brotliCompressSync(content));
    writeFileSync(`${file}.gz`, gzipSync(content));
  }
}

/** Checks the types of the demo as those of any app. */
export function checkDemo() {
  run(join(root, "node_modules/.bin/tsc"), ["--noEmit", "--project", "www"]);
}
