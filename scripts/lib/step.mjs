// Runs build steps only if something that they read has changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root, targetDir } from "./run.mjs";

const stamps = join(targetDir, "steps");

/**
 * Runs `action` unless all files below `inputs` have the contents of the last success and the `outputs` exist. It compares
 * contents and not times, because a checkout or a rebase touches files that it does not change.
 */
export async function step(name, { inputs, outputs }, action) {
  const stamp = join(stamps, name);
  const state = digest(inputs);
  const fresh = outputs.every((file) => existsSync(join(root, file))) && read(stamp) === state;
  if (fresh) return false;
  console.log(`build: ${name}`);
  await action();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, state);
  return true;
}

function read(file) {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

function digest(inputs) {
  const hash = createHash("sha256");
  for (const file of inputs.flatMap((input) => filesBelow(join(root, input))).sort()) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}
