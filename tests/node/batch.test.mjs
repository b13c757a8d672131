// What JavaScript reads out of a batch, against JSON.parse and the table of PROTOCOL §3, written once more here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "./support/load.mjs";
import { expected } from "./support/normalised.mjs";

const file = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { readBatch } = await load("batch");

const lines = file("../fixtures/frames.txt").split("\n").slice(0, -1);
const groupings = JSON.parse(file("../fixtures/batches.json"));

/** What a line of the fixture is to give: a chunk, a malformed frame, or nothing. */
function given(line) {
  if (line === "reset") return { chunk: { type: "stream_reset" } };
  const [, id, age, data] = /^(\S+) (\S+) (.*)$/s.exec(line);
  return expected(data, { ...(id !== "-" && { eventId: id }), ...(age === "replayed" && { replayed: true }) });
}

const chunks = lines.flatMap((line) => given(line).chunk ?? []);
const malformed = lines.flatMap((line) => given(line).malformed ?? []);

for (const batches of groupings) {
  test(`${batches.length} batches give what JSON.parse and the table give`, () => {
    const read = batches.map(({ descriptors, text }) => readBatch(Uint32Array.from(descriptors), text));
    assert.deepEqual(read.flatMap((batch) => batch.chunks), chunks);
    assert.deepEqual(read.flatMap((batch) => batch.malformed), malformed);
  });
}

test("the fixture holds what is hard to carry", () => {
  const tool = chunks.find((chunk) => chunk.tool_id === "call_1" && chunk.arguments.q);
  assert.ok(Object.hasOwn(tool.arguments, "__proto__"), "an own __proto__");
  assert.equal(({}).polluted, undefined);
  assert.deepEqual(Object.keys(tool.arguments), ["1", "2", "q", "__proto__", "deep"]);
  assert.ok(chunks.some((chunk) => chunk.content?.endsWith("\ud83d")), "a lone surrogate");
  assert.ok(malformed.length > 0);
});

test("an empty batch is empty", () => {
  assert.deepEqual(readBatch(new Uint32Array(0), ""), { chunks: [], malformed: [] });
});

test("chunks of one kind have the same members in the same order", () => {
  const { chunks } = readBatch(Uint32Array.of(0x510, 1, 1, 3, 0x110, 0, 3), "ab0-10-2");
  assert.deepEqual(chunks, [
    { type: "text_chunk", content: "a", blockId: "b", eventId: "0-1" },
    { type: "text_chunk", content: "", blockId: "b", eventId: "0-2" },
  ]);
  assert.deepEqual(Object.keys(chunks[0]), Object.keys(chunks[1]));
});
