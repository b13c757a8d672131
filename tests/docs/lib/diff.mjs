// Compares a diff of the migration guide with the app that was migrated by it: the removed lines are in the old state, and the
// added ones in the new state.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./blocks.mjs";

export function checkDiff({ code }) {
  const [head, ...lines] = code.trimEnd().split("\n");
  const [, file] = /^@@ (\S+) @@$/.exec(head) ?? [];
  assert.ok(file, "a diff says which file it changes");
  const states = { "-": linesOf("before", file), "+": linesOf("after", file) };
  const missing = lines.filter((line) => {
    const wanted = line[0] === " " ? ["-", "+"] : [line[0]];
    return wanted.some((sign) => !states[sign].has(line.slice(1)));
  });
  assert.deepEqual(missing, []);
  const removed = lines.filter((line) => /^-.*\w/.test(line));
  assert.deepEqual(removed.filter((line) => states["+"].has(line.slice(1))), [], "what is removed is gone");
}

function linesOf(state, file) {
  return new Set(readFileSync(join(root, "tests/copilot/app", state, file), "utf8").split("\n"));
}
