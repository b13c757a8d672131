// The message of a snapshot equals the one that the AI SDK itself makes of the same answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { choices, orderlyAnswer } from "./lib/answers.mjs";
import { LogBackend } from "./lib/log.mjs";
import { majors, plain, read, streamOf } from "./lib/majors.mjs";

const { ai } = majors.at(-1);

async function snapshotOf(chunks, cuts) {
  const streams = createChatStreams({ fetch: new LogBackend(chunks, cuts).fetch, storage: "memory", delivery: "immediate", retry: { initialDelayMs: 1, maxDelayMs: 1 } });
  await streams.startStream("s", "hi");
  const { message } = streams.getSnapshot("s");
  streams.close();
  return plain(message);
}

test("of any answer that follows the rules, cut or not", async () => {
  for (let seed = 0; seed < Number(process.env.SEEDS ?? 40); seed++) {
    const chunks = orderlyAnswer(choices(seed), 7);
    const message = comparable(await read(ai, streamOf(chunks)));
    assert.deepEqual(comparable(await snapshotOf(chunks, [])), message, `seed ${seed}`);
    assert.deepEqual(comparable(await snapshotOf(chunks, [2, 5, 3])), message, `seed ${seed}, cut`);
  }
});

/** An empty block of text is no part of a snapshot, and the AI SDK adds a step only with its content. */
function comparable(message) {
  const parts = message.parts.filter((part) => part.type !== "text" || part.text !== "");
  while (parts.at(-1)?.type === "step-start") parts.pop();
  return { ...message, parts };
}
