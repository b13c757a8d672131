// What JavaScript reads out of a batch, against JSON.parse and the table of PROTOCOL §3, written once more here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { transformSync } from "esbuild";

const file = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const compiled = transformSync(file("../../js/batch.ts"), { loader: "ts", format: "esm" }).code;
const { readBatch } = await import(`data:text/javascript;base64,${Buffer.from(compiled).toString("base64")}`);

const lines = file("../fixtures/frames.txt").split("\n").slice(0, -1);
const groupings = JSON.parse(file("../fixtures/batches.json"));
const LEGACY = /^(text_chunk|text_ended|tool_call|tool_call_start|tool_response|login_needed|need_login|credentials_needed|usage|stream_end)$/;
const CARRIED =
  /^(reasoning-(start|delta|end|file)|tool-input-(delta|error)|tool-output-(error|denied)|tool-approval-(request|response)|source-(url|document)|file|custom|data-.*|(start|finish|reset)-step|message-metadata|abort|steering-message)$/;

/** What a line of the fixture is to give: a chunk, a malformed frame, or nothing. */
function expected(line) {
  if (line === "reset") return { chunk: { type: "stream_reset" } };
  const [, id, age, data] = /^(\S+) (\S+) (.*)$/s.exec(line);
  let frame;
  try {
    frame = JSON.parse(data);
  } catch {
    return { malformed: { data, reason: "not JSON" } };
  }
  if (typeof frame?.type !== "string") return { malformed: { data, reason: "no string type" } };
  const chunk = normalised(frame);
  if (chunk === null) return {};
  if (id !== "-") chunk.eventId = id;
  if (age === "replayed") chunk.replayed = true;
  return { chunk };
}

function normalised({ type, ...rest }) {
  const renamed = (to, names, more = {}) => {
    const isRenamed = (name) => Object.hasOwn(names, name);
    const taken = Object.keys(names).filter((name) => Object.hasOwn(rest, name)).map((name) => names[name]);
    const members = Object.entries(rest)
      .filter(([name]) => isRenamed(name) || !taken.includes(name))
      .map(([name, value]) => [isRenamed(name) ? names[name] : name, value]);
    return { type: to, ...Object.fromEntries(members), ...more };
  };
  switch (type) {
    case "start":
      if (rest.taskId) return renamed("stream_start", {});
      return Object.keys(rest).length > 0 ? { type, ...rest } : null;
    case "text-start":
      return null;
    case "text-delta":
      return renamed("text_chunk", { id: "blockId", delta: "content" });
    case "text-end":
      return renamed("text_ended", { id: "blockId" });
    case "tool-input-start":
      return renamed("tool_call_start", { toolCallId: "tool_id", toolName: "tool_name" }, { arguments: {}, inputState: "streaming" });
    case "tool-input-available":
      return renamed("tool_call_start", { toolCallId: "tool_id", toolName: "tool_name", input: "arguments" });
    case "tool-output-available":
      return renamed("tool_response", { toolCallId: "tool_id", toolName: "tool_name", output: "result" }, { success: rest.success ?? true });
    case "finish":
      return renamed("stream_end", {});
    case "error":
      return "message" in rest || "content" in rest ? { type, ...rest } : renamed("error", { errorText: "message" });
    default:
      return LEGACY.test(type) || CARRIED.test(type) ? { type, ...rest } : { type, ...rest, unknown: true };
  }
}

const given = lines.map(expected);
const chunks = given.flatMap(({ chunk }) => chunk ?? []);
const malformed = given.flatMap((line) => line.malformed ?? []);

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
