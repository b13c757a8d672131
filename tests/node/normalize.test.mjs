// `parseSSELine`, `isLegacyStreamChunk` and `normalizeStreamChunk`: the table of PROTOCOL §3.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  INITIAL_RETRY_DELAY,
  MAX_RETRIES,
  RejoinError,
  createParser,
  createStreamEventDispatcher,
  init,
  isLegacyStreamChunk,
  mergeMessages,
  normalizeStreamChunk,
  parseSSELine,
} from "../../dist/index.js";

test("before init every synchronous utility says so, and the constants are there", () => {
  const calls = [
    () => parseSSELine("data: x"),
    () => isLegacyStreamChunk({ type: "text_chunk" }),
    () => normalizeStreamChunk({ type: "text_chunk" }),
    () => createStreamEventDispatcher({}),
    () => mergeMessages([], []),
    () => createParser({}),
  ];
  for (const call of calls) {
    assert.throws(call, (error) => error instanceof RejoinError && error instanceof Error && error.code === "NOT_INITIALISED");
  }
  assert.equal(MAX_RETRIES, 3);
  assert.equal(INITIAL_RETRY_DELAY, 1000);
});

test("after init", async (t) => {
  before(() => init());

  await t.test("the data of a line comes without the field name and one space", () => {
    assert.equal(parseSSELine("data: x"), "x");
    assert.equal(parseSSELine("data:x"), "x");
    assert.equal(parseSSELine("data:  x"), " x");
    assert.equal(parseSSELine("data:"), "");
    assert.equal(parseSSELine("data: "), "");
    assert.equal(parseSSELine("data: a\ud83d"), "a\ud83d");
    assert.equal(parseSSELine("data:\ud83d\ude00"), "\ud83d\ude00");
    assert.equal(parseSSELine("data:é"), "é");
  });

  await t.test("any other line has no data", () => {
    for (const line of ["", "data", "datum: x", " data: x", "Data: x", ": x", "id: 1", "event: data: x", "\ufeffdata: x"]) {
      assert.equal(parseSSELine(line), null, line);
    }
    for (const line of [undefined, null, 5, {}]) assert.equal(parseSSELine(line), null);
  });

  const legacy = [
    { type: "text_chunk", content: "a", timestamp: "t", idx: 3, session_id: "s", more: [1] },
    { type: "text_ended" },
    { type: "tool_call", anything: 1 },
    { type: "tool_call_start", tool_id: "1", tool_name: "n", arguments: { a: 1 } },
    { type: "tool_response", tool_id: "1", result: "r", success: false },
    { type: "login_needed", message: "m" },
    { type: "need_login" },
    { type: "credentials_needed", provider: "p" },
    { type: "error", message: "m" },
    { type: "error", content: "c", code: "X" },
    { type: "error", message: "m", errorText: "also" },
    { type: "usage", promptTokens: 1, completionTokens: 2, totalTokens: 3, extra: 4 },
    { type: "stream_end", timestamp: "t" },
  ];

  await t.test("a legacy chunk passes through as the same object", () => {
    for (const chunk of legacy) {
      assert.equal(isLegacyStreamChunk(chunk), true, JSON.stringify(chunk));
      assert.equal(normalizeStreamChunk(chunk), chunk);
    }
  });

  const input = JSON.parse('{"__proto__": {"a": 1}, "b": "\\ud83d"}');
  const table = [
    [{ type: "start", messageId: "m", taskId: "t" }, { type: "stream_start", taskId: "t" }],
    [{ type: "start", messageId: "m" }, null],
    [{ type: "start", messageId: "m", taskId: "" }, null],
    [{ type: "start", messageId: "m", taskId: null }, null],
    [{ type: "text-start", id: "1" }, null],
    [{ type: "text-delta", id: "1", delta: "a\ud83d" }, { type: "text_chunk", content: "a\ud83d" }],
    [{ type: "text-delta", id: "1", delta: "" }, { type: "text_chunk", content: "" }],
    [{ type: "text-end", id: "1" }, { type: "text_ended" }],
    [
      { type: "tool-input-start", toolCallId: "c", toolName: "n" },
      { type: "tool_call_start", tool_id: "c", tool_name: "n", arguments: {} },
    ],
    [
      { type: "tool-input-available", toolCallId: "c", toolName: "n", input },
      { type: "tool_call_start", tool_id: "c", tool_name: "n", arguments: input },
    ],
    [
      { type: "tool-output-available", toolCallId: "c", toolName: "n", output: input },
      { type: "tool_response", tool_id: "c", tool_name: "n", result: input, success: true },
    ],
    [
      { type: "tool-output-available", toolCallId: "c", toolName: "n", output: null, success: false },
      { type: "tool_response", tool_id: "c", tool_name: "n", result: null, success: false },
    ],
    [
      { type: "tool-output-available", toolCallId: "c", toolName: "n", output: 0, success: null },
      { type: "tool_response", tool_id: "c", tool_name: "n", result: 0, success: true },
    ],
    [
      { type: "error", errorText: "e", code: "X", details: { a: 1 } },
      { type: "error", message: "e", code: "X", details: { a: 1 } },
    ],
    [{ type: "finish", finishReason: "stop" }, { type: "stream_end" }],
  ];

  await t.test("the AI SDK's dialect becomes what the table says", () => {
    for (const [frame, chunk] of table) {
      assert.equal(isLegacyStreamChunk(frame), false, JSON.stringify(frame));
      assert.deepEqual(normalizeStreamChunk(frame), chunk);
    }
  });

  await t.test("values are handed on, not copied", () => {
    const chunk = normalizeStreamChunk({ type: "tool-input-available", toolCallId: "c", toolName: "n", input });
    assert.equal(chunk.arguments, input);
    assert.ok(Object.hasOwn(chunk.arguments, "__proto__"));
    const details = { a: 1 };
    assert.equal(normalizeStreamChunk({ type: "error", errorText: "e", details }).details, details);
  });

  await t.test("each start of a tool has arguments of its own", () => {
    const start = () => normalizeStreamChunk({ type: "tool-input-start", toolCallId: "c", toolName: "n" });
    assert.notEqual(start().arguments, start().arguments);
  });

  await t.test("what the dialect has more is null, and so is what nobody knows", () => {
    const types = [
      "reasoning-start", "reasoning-delta", "reasoning-end", "tool-input-delta", "tool-input-error", "tool-output-error",
      "tool-output-denied", "tool-approval-request", "tool-approval-response", "source-url", "source-document", "file",
      "reasoning-file", "custom", "data-weather", "start-step", "finish-step", "reset-step", "message-metadata", "abort",
      "steering-message", "", "constructor", "__proto__", "Text_Chunk", "stream_reset",
    ];
    for (const type of types) {
      assert.equal(normalizeStreamChunk({ type, id: "1", delta: "x" }), null, type);
      assert.equal(isLegacyStreamChunk({ type }), false, type);
    }
  });

  await t.test("more types than anyone has are still distinguished", () => {
    for (let i = 0; i < 2000; i++) assert.equal(normalizeStreamChunk({ type: `unknown ${i}` }), null);
    assert.deepEqual(normalizeStreamChunk({ type: "text-end" }), { type: "text_ended" });
  });

  await t.test("anything but a chunk becomes null", () => {
    for (const chunk of [null, undefined, 1, "text_chunk", true, [], {}, { type: 5 }, { type: null }, () => {}]) {
      assert.equal(normalizeStreamChunk(chunk), null);
      assert.equal(isLegacyStreamChunk(chunk), false);
    }
  });

  await t.test("a normalised chunk stays unchanged", () => {
    for (const [, chunk] of table) {
      if (chunk) assert.equal(normalizeStreamChunk(chunk), chunk);
    }
  });
});
