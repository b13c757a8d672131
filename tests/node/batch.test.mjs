// Compares what JavaScript reads from a batch with JSON.parse and the table of PROTOCOL §3, which this file contains once more.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { load } from "./support/load.mjs";
import { expected } from "./support/normalised.mjs";

const file = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { ChunkReader, chunksOf, hasReset, malformedOf, readRows } = await load("chunks/batch");
const { Transcript } = await load("message/transcript");

const lines = file("../fixtures/frames.txt").split("\n").slice(0, -1);
const groupings = JSON.parse(file("../fixtures/batches.json"));

/** Returns what a line of the fixture has to yield: a chunk, a malformed frame, or nothing. */
function given(line) {
  if (line === "reset") return { chunk: { type: "stream_reset" } };
  const [, id, age, data] = /^(\S+) (\S+) (.*)$/s.exec(line);
  return expected(data, { ...(id !== "-" && { eventId: id }), ...(age === "replayed" && { replayed: true }) });
}

const chunks = lines.flatMap((line) => given(line).chunk ?? []);
const malformed = lines.flatMap((line) => given(line).malformed ?? []);

for (const batches of groupings) {
  test(`${batches.length} batches give what JSON.parse and the table give`, () => {
    const read = batches.map(({ descriptors, text, names }) => ({ words: Uint32Array.from(descriptors), text, names }));
    assert.deepEqual(read.flatMap(chunksOf), chunks);
    assert.deepEqual(read.flatMap(malformedOf), malformed);
  });

  test(`${batches.length} batches make the same message by runs as chunk by chunk`, () => {
    const [byRuns, byChunks] = [new Transcript(), new Transcript()];
    for (const { descriptors, text, names } of batches) byRuns.add({ words: Uint32Array.from(descriptors), text, names });
    byChunks.push(chunks);
    assert.deepEqual([byRuns.message, byRuns.usage], [byChunks.message, byChunks.usage]);
  });
}

test("the fixture contains the difficult cases", () => {
  const tool = chunks.find((chunk) => chunk.tool_id === "call_1" && chunk.arguments.q);
  assert.ok(Object.hasOwn(tool.arguments, "__proto__"), "an own __proto__");
  assert.equal(({}).polluted, undefined);
  assert.deepEqual(Object.keys(tool.arguments), ["1", "2", "q", "__proto__", "deep"]);
  assert.ok(chunks.some((chunk) => chunk.content?.endsWith("\ud83d")), "a lone surrogate");
  assert.ok(malformed.length > 0);
});

test("an empty batch is empty", () => {
  const empty = { words: new Uint32Array(0), text: "", names: "" };
  assert.equal(hasReset(empty), false);
  assert.deepEqual([chunksOf(empty), malformedOf(empty)], [[], []]);
});

const TEXT = 1 << 4;
const REASONING = 2 << 4;
const NEW_BLOCK = 1 << 10;
const idOf = (length) => length << 16;

test("chunks of one kind have the same members in the same order", () => {
  const words = Uint32Array.of(TEXT | NEW_BLOCK | idOf(3), 1, 1, TEXT | idOf(3), 0);
  const chunks = chunksOf({ words, text: "a", names: "b0-10-2" });
  assert.deepEqual(chunks, [
    { type: "text_chunk", content: "a", blockId: "b", eventId: "0-1" },
    { type: "text_chunk", content: "", blockId: "b", eventId: "0-2" },
  ]);
  assert.deepEqual(Object.keys(chunks[0]), Object.keys(chunks[1]));
});

test("adjacent deltas of a block are one run", () => {
  const words = Uint32Array.of(TEXT | NEW_BLOCK, 1, 2, TEXT, 1, REASONING, 1, TEXT | NEW_BLOCK, 1, 1, 2, 3);
  const runs = [];
  readRows(
    { words, text: "onetobad", names: "bw" },
    { run: (...run) => runs.push(run), chunk: (chunk) => runs.push(chunk.type) },
  );
  assert.deepEqual(runs, [[TEXT, "b", "one"], [REASONING, "b", "t"], [TEXT, "w", "o"]]);
});

test("a reset is found, which comes first", () => {
  const RESET = 3;
  const delta = [TEXT | NEW_BLOCK, 1, 3];
  const batchOf = (...words) => ({ words: Uint32Array.from(words), text: "", names: "" });
  assert.equal(hasReset(batchOf(...delta)), false);
  assert.equal(hasReset(batchOf(RESET, ...delta)), true);
});

test("replayed chunks have their members in the order of all others", () => {
  const REPLAYED = 1 << 9;
  const words = Uint32Array.of(TEXT | NEW_BLOCK | REPLAYED | idOf(3), 1, 1, TEXT | REPLAYED, 1);
  const chunks = chunksOf({ words, text: "ab", names: "b0-1" });
  assert.deepEqual(chunks.map(Object.keys), [["type", "content", "blockId", "eventId", "replayed"], ["type", "content", "blockId", "replayed"]]);
});

test("chunks that are made in parts are the same, whatever the parts", () => {
  for (const { descriptors, text, names } of groupings.at(-1)) {
    const batch = { words: Uint32Array.from(descriptors), text, names };
    for (const most of [1, 2, 7]) {
      const reader = new ChunkReader(batch);
      const parts = [];
      for (let part = reader.take(most); part.length > 0; part = reader.take(most)) parts.push(...part);
      assert.deepEqual(parts, chunksOf(batch));
    }
  }
});
