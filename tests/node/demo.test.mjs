// The app part of the demo is a model to copy: it does not depend on the lab, and on little besides its markup.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const app = join(import.meta.dirname, "../../www/src/app");
const files = readdirSync(app, { recursive: true }).filter((name) => /\.tsx?$/.test(name));
const read = (name) => readFileSync(join(app, name), "utf8");

test("the app part of the demo imports nothing of the lab", () => {
  assert.ok(files.length > 10);
  assert.deepEqual(files.filter((name) => /from "[^"]*\/lab\//.test(read(name))), []);
});

test("the chat of the demo is on useConversation, and has fewer than 200 lines without its markup", () => {
  const logic = readdirSync(app).filter((name) => name.endsWith(".ts"));
  const lines = logic.map((name) => read(name).trimEnd().split("\n").length).reduce((sum, count) => sum + count, 0);
  assert.ok(lines < 200, `${lines} lines in ${logic.join(", ")}`);
  assert.match(read("useChat.ts"), /useConversation\(/);
});
