// From chunks to a message: the AI SDK's form from both dialects, the same objects where nothing changed, linear time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./support/load.mjs";
import { cost } from "./support/cost.mjs";

const { Transcript } = await load("message/transcript");

function after(...chunks) {
  const transcript = new Transcript();
  transcript.push(chunks);
  return transcript;
}

const parts = (...chunks) => after(...chunks).message.parts;

const text = (content, blockId) => ({ type: "text_chunk", content, blockId });
const delta = (toolCallId, inputTextDelta) => ({ type: "tool-input-delta", toolCallId, inputTextDelta });
const call = (tool_id, args, more = {}) => ({ type: "tool_call_start", tool_id, tool_name: "search", arguments: args, ...more });
const streaming = (tool_id, more = {}) => call(tool_id, {}, { inputState: "streaming", ...more });
const response = (tool_id, result, more = {}) => ({ type: "tool_response", tool_id, result, success: true, ...more });

test("there is no message before the stream contains one", () => {
  assert.equal(new Transcript().message, null);
  assert.equal(after({ type: "usage" }, { type: "data-x", data: 1, transient: true }, { type: "x", unknown: true }).message, null);
});

test("a start names the message, with a task or without", () => {
  const message = { id: "m", role: "assistant", parts: [] };
  assert.deepEqual(after({ type: "stream_start", taskId: "t", messageId: "m" }).message, message);
  assert.deepEqual(after({ type: "start", messageId: "m" }).message, message);
  assert.equal(after({ type: "stream_start", taskId: "t" }).message.id, "t");
});

test("text grows in its block and is done when that ends", () => {
  assert.deepEqual(parts(text("a", "1"), text("x", "2"), text("b", "1"), { type: "text_ended", blockId: "1" }), [
    { type: "text", text: "ab", state: "done" },
    { type: "text", text: "x", state: "streaming" },
  ]);
});

test("a block's name may be used again after its end", () => {
  const ended = { type: "text_ended", blockId: "1" };
  assert.deepEqual(parts(text("a", "1"), ended, text("b", "1"), ended).map((part) => part.text), ["a", "b"]);
});

test("legacy text after a tool call comes after it, with text_ended or without", () => {
  for (const between of [[{ type: "text_ended" }], []]) {
    const types = parts(text("a"), ...between, call("c", {}), text("b")).map((part) => part.text ?? part.type);
    assert.deepEqual(types, ["a", "tool-search", "b"]);
  }
});

test("whatever ends the stream ends its texts", () => {
  for (const type of ["stream_end", "abort", "error"]) {
    const states = parts(text("a", "1"), { type: "reasoning-start", id: "r" }, { type }).map((part) => part.state);
    assert.deepEqual(states, ["done", "done"]);
  }
});

test("reasoning keeps its id and the provider's facts", () => {
  const providerMetadata = { p: { signature: "s" } };
  assert.deepEqual(
    parts(
      { type: "reasoning-start", id: "r" },
      { type: "reasoning-delta", id: "r", delta: "hm" },
      { type: "reasoning-end", id: "r", providerMetadata },
      { type: "reasoning-delta", id: "late", delta: "without a start" },
    ),
    [
      { type: "reasoning", id: "r", text: "hm", state: "done", providerMetadata },
      { type: "reasoning", id: "late", text: "without a start", state: "streaming" },
    ],
  );
});

test("a tool goes from streaming input to output", () => {
  const transcript = new Transcript();
  const states = [];
  const push = (chunk) => {
    transcript.push([chunk]);
    states.push({ ...transcript.message.parts[0] });
  };
  push(streaming("c", { title: "Search" }));
  push(delta("c", '{"q": "ca'));
  push(delta("c", 'ts"}'));
  push(call("c", { q: "cats" }));
  push(response("c", { so: "far" }, { preliminary: true }));
  push(response("c", { found: 3 }, { providerMetadata: { p: {} } }));
  const part = { type: "tool-search", toolCallId: "c", title: "Search" };
  assert.deepEqual(states, [
    { ...part, state: "input-streaming", input: undefined },
    { ...part, state: "input-streaming", rawInput: '{"q": "ca', input: { q: "ca" } },
    { ...part, state: "input-streaming", rawInput: '{"q": "cats"}', input: { q: "cats" } },
    { ...part, state: "input-available", input: { q: "cats" } },
    { ...part, state: "output-available", input: { q: "cats" }, output: { so: "far" }, preliminary: true },
    { ...part, state: "output-available", input: { q: "cats" }, output: { found: 3 }, resultProviderMetadata: { p: {} } },
  ]);
});

test("a started operation is a preliminary output, and its result takes its place", () => {
  const started = { type: "operation_started", operation_id: "o" };
  const transcript = after(call("c", {}), response("c", started));
  assert.equal(transcript.message.parts[0].preliminary, true);
  transcript.push([response("c", "done")]);
  assert.deepEqual(transcript.message.parts, [
    { type: "tool-search", toolCallId: "c", state: "output-available", input: {}, output: "done" },
  ]);
});

test("a dynamic tool says its name in a member", () => {
  const [part] = parts(call("c", 1, { dynamic: true }));
  assert.deepEqual(part, { type: "dynamic-tool", toolName: "search", toolCallId: "c", state: "input-available", input: 1 });
});

test("text as a tool's input is text", () => {
  assert.equal(parts(streaming("c", { inputEncoding: "text" }), delta("c", "{"), delta("c", "x"))[0].input, "{x");
});

test("tools fail in their input, in their output, and by success: false", () => {
  const error = { toolCallId: "c", errorText: "no" };
  assert.deepEqual(parts({ type: "tool-input-error", toolName: "search", input: "bad", ...error }), [
    { type: "tool-search", toolCallId: "c", state: "output-error", input: "bad", errorText: "no" },
  ]);
  assert.deepEqual(parts(call("c", { a: 1 }), { type: "tool-output-error", ...error }), [
    { type: "tool-search", toolCallId: "c", state: "output-error", input: { a: 1 }, errorText: "no" },
  ]);
  for (const result of ["no", { error: "no" }, { message: "no" }]) {
    assert.equal(parts(call("c", {}), response("c", result, { success: false }))[0].errorText, "no");
  }
});

test("a tool that fails after a preliminary output has no output", () => {
  const failed = { type: "tool-search", toolCallId: "c", state: "output-error", input: {}, errorText: "no" };
  const preliminary = response("c", "so far", { preliminary: true });
  assert.deepEqual(parts(call("c", {}), preliminary, { type: "tool-output-error", toolCallId: "c", errorText: "no" }), [failed]);
  assert.deepEqual(parts(call("c", {}), preliminary, response("c", "no", { success: false })), [failed]);
});

test("a tool whose start is missing begins with the first chunk that names it", () => {
  assert.deepEqual(parts(response("c", 1, { tool_name: "late" })), [
    { type: "tool-late", toolCallId: "c", state: "output-available", input: undefined, output: 1 },
  ]);
  assert.equal(after(delta("nobody", "x"), { type: "tool-output-denied", toolCallId: "nobody" }).message, null);
  assert.equal(after({ type: "tool_response", result: 1 }, { type: "tool_call", what: "ever" }).message, null);
});

test("a call is asked for, answered and denied", () => {
  const ask = { type: "tool-approval-request", approvalId: "a", toolCallId: "c", reason: "costs money" };
  const asked = { id: "a", requestReason: "costs money" };
  assert.deepEqual(parts(call("c", {}), ask)[0].approval, asked);
  const answer = { type: "tool-approval-response", approvalId: "a", approved: false, reason: "too much" };
  const [answered] = parts(call("c", {}), ask, answer);
  assert.equal(answered.state, "approval-responded");
  assert.deepEqual(answered.approval, { ...asked, approved: false, reason: "too much" });
  const [denied] = parts(call("c", {}), ask, answer, { type: "tool-output-denied", toolCallId: "c" });
  assert.equal(denied.state, "output-denied");
  assert.equal(denied.approval.approved, false);
});

test("sources, files and the like are parts without the stream's own members", () => {
  const stamp = { eventId: "5-0", replayed: true };
  const whole = [
    { type: "source-url", sourceId: "s", url: "u", title: "t" },
    { type: "source-document", sourceId: "s", mediaType: "m", title: "t", filename: "f" },
    { type: "file", mediaType: "m", url: "u" },
    { type: "reasoning-file", mediaType: "m", url: "u" },
    { type: "custom", kind: "p.k", providerMetadata: { p: {} } },
    { type: "steering-message", id: "s", parts: [] },
    { type: "data-x", id: "d", data: { a: 1 } },
  ];
  assert.deepEqual(parts(...whole.map((chunk) => ({ ...chunk, ...stamp }))), whole);
});

test("data with an id replaces itself at its place; transient data is no part", () => {
  const data = (name, id, value, more = {}) => ({ type: `data-${name}`, id, data: value, ...more });
  const all = [data("x", "1", "a"), text("t", "1"), data("x", "2", "b"), data("y", "1", "c"), data("x", "1", "d"), data("x", "1", "e", { transient: true })];
  assert.deepEqual(parts(...all, { type: "data-z", data: 1 }, { type: "data-z", data: 2 }).map((part) => part.data ?? part.text), ["d", "t", "b", "c", 1, 2]);
});

test("reset-step removes what the step added and nothing else", () => {
  const transcript = after(
    call("old", {}), { type: "start-step" }, text("a", "1"), call("new", {}), { type: "data-x", id: "1", data: 1 }, { type: "reset-step" },
  );
  assert.deepEqual(transcript.message.parts.map((part) => part.type), ["tool-search", "step-start"]);
  transcript.push([response("old", 1), text("b", "1"), { type: "data-x", id: "1", data: 2 }, response("new", 2, { tool_name: "again" })]);
  assert.deepEqual(transcript.message.parts.map((part) => part.output ?? part.text ?? part.data ?? part.type), [1, "step-start", "b", 2, 2]);
});

test("metadata is merged, from the start to the end", () => {
  const metadata = (messageMetadata) => ({ type: "message-metadata", messageMetadata });
  const { message } = after(
    { type: "start", messageId: "m", messageMetadata: { a: 1, deep: { x: 1, list: [1] } } },
    metadata({ b: 2, deep: { y: 2, list: [2] } }),
    metadata(null),
    { type: "stream_end", messageMetadata: { a: 3 } },
  );
  assert.deepEqual(message.metadata, { a: 3, b: 2, deep: { x: 1, y: 2, list: [2] } });
});

test("metadata cannot reach a prototype", () => {
  const evil = () => ({ type: "message-metadata", messageMetadata: JSON.parse('{"__proto__": {"polluted": true}}') });
  const { message } = after(evil(), evil());
  assert.equal(message.metadata.polluted, undefined);
  assert.equal({}.polluted, undefined);
});

test("usage is counted beside the message", () => {
  const usage = { promptTokens: 1, completionTokens: 2, totalTokens: 3 };
  assert.deepEqual(after({ type: "usage", ...usage, eventId: "1-0" }).usage, usage);
  assert.equal(new Transcript().usage, undefined);
});

test("a reset, and another task's start, begin another message; the same task's does not", () => {
  const start = (taskId) => ({ type: "stream_start", taskId, messageId: `of ${taskId}` });
  const before = [start("t"), text("a", "1"), call("c", {}), { type: "usage" }, { type: "message-metadata", messageMetadata: 1 }];
  const empty = { id: "of t", role: "assistant", parts: [] };
  assert.deepEqual(after(...before, { type: "stream_reset" }).message, null);
  assert.deepEqual(after(...before, { type: "stream_reset" }, start("t")).message, empty);
  assert.deepEqual(after(...before, start("u")).message, { ...empty, id: "of u" });
  assert.equal(after(...before, start("t")).message.parts.length, 2);
  const transcript = after(...before);
  transcript.reset();
  assert.deepEqual([transcript.message, transcript.usage], [null, undefined]);
});

test("what did not change keeps its identity", () => {
  const transcript = after({ type: "start", messageId: "m" }, text("a", "1"), call("c", {}), { type: "file", mediaType: "m", url: "u" });
  const first = transcript.message;
  assert.equal(transcript.message, first);
  transcript.push([]);
  transcript.push([{ type: "usage" }, { type: "finish-step" }, { type: "x", unknown: true }, text("", "1"), { type: "login_needed" }, { type: "text_ended", blockId: "9" }]);
  assert.equal(transcript.message, first);
  transcript.push([text("b", "1")]);
  const second = transcript.message;
  assert.notEqual(second, first);
  assert.notEqual(second.parts, first.parts);
  assert.deepEqual(second.parts.map((part, place) => part === first.parts[place]), [false, true, true]);
  assert.equal(first.parts[0].text, "a");
});

test("an input that is looked at late is the one of its time", () => {
  const transcript = after(streaming("c"), delta("c", '{"a": [1'));
  const early = transcript.message.parts[0];
  transcript.push([delta("c", ", 2]}")]);
  assert.deepEqual(early.input, { a: [1] });
  assert.deepEqual(transcript.message.parts[0].input, { a: [1, 2] });
  assert.equal(transcript.message.parts[0].input, transcript.message.parts[0].input);
});

test("whatever comes, nothing is thrown", () => {
  const values = [undefined, null, 5, "x", {}, [], true];
  const types = [
    "text_chunk", "text_ended", "tool_call", "tool_call_start", "tool_response", "stream_start", "start", "usage",
    "reasoning-start", "reasoning-delta", "reasoning-end", "tool-input-delta", "tool-input-error", "tool-output-error",
    "tool-output-denied", "tool-approval-request", "tool-approval-response", "file", "data-x", "reset-step", "start-step",
    "message-metadata", "stream_end", "__proto__", "constructor",
  ];
  const transcript = new Transcript();
  const members = ["tool_id", "toolCallId", "tool_name", "content", "delta", "id", "blockId", "result", "input", "messageMetadata", "approvalId", "taskId", "success"];
  for (const type of types) {
    for (const value of values) transcript.push([{ type, ...Object.fromEntries(members.map((member) => [member, value])) }]);
  }
  JSON.stringify(transcript.message);
});

test("a message of two hundred thousand pieces is built in linear time, looked at now and then", () => {
  const transcript = after(streaming("c"));
  const ms = cost(() => {
    for (let frame = 0; frame < 400; frame++) {
      transcript.push(Array.from({ length: 500 }, (_, at) => (at % 100 === 0 ? text("word ", String(frame)) : delta("c", "x"))));
      assert.ok(transcript.message);
    }
    assert.equal(transcript.message.parts.length, 401);
  });
  assert.ok(ms < 5_000);
});

test("a tool input of a megabyte is read as it grows", () => {
  const transcript = after(streaming("c"));
  const input = JSON.stringify({ code: "line\n".repeat(170_000) });
  const ms = cost(() => {
    for (let at = 0; at < input.length; at += 20) {
      transcript.push([delta("c", input.slice(at, at + 20))]);
      assert.equal(typeof transcript.message.parts[0].input, "object");
    }
  });
  assert.ok(ms < 5_000);
});
