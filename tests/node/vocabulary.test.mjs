// The whole vocabulary through the package, in reads split anywhere: a listener receives what JSON.parse and the table of
// PROTOCOL §3 give.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { expected } from "./support/normalised.mjs";

const lines = readFileSync(new URL("../fixtures/frames.txt", import.meta.url), "utf8").split("\n");
const isOver = (data) => /"type" ?: ?"(finish|stream_end|abort|error)"/.test(data);
const frames = lines
  .map((line) => line.split(" "))
  .filter(([, age]) => age === "fresh")
  .map(([, , ...data]) => data.join(" "))
  .filter((data) => !isOver(data));

/** Returns the frames as one answer, and what a listener has to receive. */
function answer(isNumbered) {
  const received = [];
  const malformed = [];
  const wire = [...frames, '{"type":"finish"}'].map((data, at) => {
    const id = isNumbered ? `1763840000000-${at + 1}` : undefined;
    const { chunk, malformed: bad } = expected(data, id && { eventId: id });
    if (chunk) received.push(chunk);
    if (bad) malformed.push(bad);
    return `${id ? `id: ${id}\n` : ""}data: ${data}\n\n`;
  });
  return { bytes: Buffer.from(`: heartbeat 15000\n\n${wire.join("")}data: [DONE]\n\n`), received, malformed };
}

async function receive(reads) {
  const chunks = [];
  const malformed = [];
  const streams = createChatStreams({
    fetch: async () => new Response(ReadableStream.from(reads), { headers: { "content-type": "text/event-stream" } }),
    storage: "memory",
    delivery: "immediate",
    onMalformed: (frame) => malformed.push(frame),
  });
  const outcome = await streams.startStream("s", "hello", (chunk) => chunks.push(chunk));
  streams.close();
  return { outcome, chunks, malformed };
}

function* cut(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield Uint8Array.from(bytes.subarray(at, at + size));
}

for (const [name, isNumbered] of [["with ids", true], ["without ids", false]]) {
  const { bytes, received, malformed } = answer(isNumbered);
  const check = async (reads, how) => {
    const got = await receive(reads);
    assert.equal(got.outcome.kind, "finished", how);
    assert.deepEqual(got.chunks, received, how);
    assert.deepEqual(got.malformed, malformed, how);
  };

  for (const size of [1, 2, 3, 7, 64, 1000, Infinity]) {
    test(`a stream ${name}, in reads of ${size} bytes`, () => check(cut(bytes, size), `${size}`));
  }

  test(`a stream ${name}, cut in two`, async () => {
    for (let at = 1; at < bytes.length; at += 37) {
      await check([bytes.subarray(0, at), bytes.subarray(at)].map((read) => Uint8Array.from(read)), `at ${at}`);
    }
  });
}
