// The declarations of the package compile in an app with every check of the compiler enabled.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createChatStreams } from "../../dist/index.js";
import { choices, orderlyAnswer } from "../ai-sdk/lib/answers.mjs";
import { LogBackend } from "../ai-sdk/lib/log.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Compiles the files of a folder with its tsconfig. Returns the output of the compiler. */
function compile(project, ...options) {
  const compiler = [path("../../node_modules/typescript/bin/tsc"), "--project", project, ...options];
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: "utf8" });
  assert.equal(status, 0, stdout);
}

for (const options of [
  ["--module", "nodenext", "--moduleResolution", "nodenext"],
  ["--module", "esnext", "--moduleResolution", "bundler"],
]) {
  test(`an app compiles against the declarations: ${options.at(-1)}`, () => compile(path("../types/tsconfig.json"), ...options));
}

for (const major of [5, 6, 7]) {
  test(`an app of ai ${major} compiles against those of rejoin/ai-sdk`, () => compile(path(`../types/ai-${major}.json`)));
}

/** Returns chunks as a listener gets them, and their messages. */
async function received(chunks) {
  const streams = createChatStreams({ fetch: new LogBackend(chunks).fetch, storage: "memory", delivery: "immediate" });
  const received = [];
  await streams.startStream("s", "hi", (chunk) => received.push(chunk));
  const { message } = streams.getSnapshot("s");
  streams.close();
  return { received, message };
}

test("what comes out of WebAssembly is of the types that were written by hand", async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, (_, seed) => received(orderlyAnswer(choices(seed), 7))));
  const folder = mkdtempSync(path("../types/made-"));
  try {
    const literal = (value) => JSON.stringify(value, undefined, 1);
    writeFileSync(join(folder, "made.ts"), [
      'import type { StreamChunk, UIMessage } from "../../../dist/index.js";',
      `export const chunks: StreamChunk[] = ${literal(answers.flatMap((answer) => answer.received))};`,
      `export const messages: UIMessage[] = ${literal(answers.map((answer) => answer.message))};`,
    ].join("\n"));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../tsconfig.json", files: ["made.ts"] }));
    compile(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
