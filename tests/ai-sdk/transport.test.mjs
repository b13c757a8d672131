// `RejoinChatTransport` below the `Chat` of `ai` 5, 6 and 7, on a backend that each test plays itself.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RejoinError, createChatStreams } from "../../dist/index.js";
import { RejoinChatTransport } from "../../dist/ai-sdk.js";
import { Backend, until } from "../node/lib/backend.mjs";
import { earliest, majors, plain } from "./lib/majors.mjs";

/** Returns a chat on a backend, in `session`. */
function scene(ai, { target, prepare, abort, storage = "memory", backend = new Backend(), ...init } = {}) {
  const streams = createChatStreams({ fetch: backend.fetch, storage, delivery: "immediate", retry: { initialDelayMs: 1, maxDelayMs: 5 } });
  const transport = new RejoinChatTransport({ streams, target, prepare, abort });
  const chat = new ai.Chat({ id: "s", transport, ...init });
  return { backend, streams, transport, chat };
}

const textOf = (message) => message.parts.map((part) => part.text ?? "").join("");
const last = (chat) => plain(chat.messages.at(-1));
const idle = { id: "s", messages: [], active_stream: null };
const running = { id: "s", messages: [], active_stream: { task_id: "task-1", last_message_id: "0-0", operation_id: "", tool_name: "", started_at: "2026-01-01T00:00:00Z" } };

/** Defines one test for each major. */
function each(name, run) {
  for (const { major, ai } of majors) test(`ai ${major}: ${name}`, () => run(ai, major, { isFirst: false }));
}

/** Defines one test for each major and for its earliest minor. */
function everywhere(name, run) {
  each(name, run);
  for (const { major, ai } of earliest) test(`ai ${major}.0.0: ${name}`, () => run(ai, major, { isFirst: true }));
}

everywhere("a message is sent with its id, and its answer is shown with the id in start", async (ai) => {
  const { backend, streams, chat } = scene(ai);
  const done = chat.sendMessage({ text: "Hello there" });
  const stream = await backend.stream();
  assert.match(stream.request.url, /\/sessions\/s\/stream$/);
  assert.deepEqual(stream.request.body, { message: "Hello there", is_user_message: true, message_id: chat.messages[0].id });
  stream.begin().text("Hel", "lo").finish();
  await done;
  assert.equal(chat.status, "ready");
  assert.deepEqual(last(chat), { id: "m-1", role: "assistant", parts: [{ type: "text", text: "Hello", state: "done" }] });
  streams.close();
});

everywhere("cuts are not seen: one message, one send, status streaming throughout", async (ai) => {
  const { backend, streams, chat } = scene(ai);
  const done = chat.sendMessage({ text: "hi" });
  const first = await backend.stream();
  first.begin().text("Hel");
  await until(() => chat.messages.length === 2 && textOf(chat.messages[1]) === "Hel");
  first.cut();
  const second = await backend.stream();
  assert.match(second.request.url, /last_message_id=3-0/);
  assert.equal(chat.status, "streaming");
  second.from(4).text("lo").finish();
  await done;
  assert.equal(textOf(last(chat)), "Hello");
  assert.equal(backend.requests.filter(({ method }) => method === "POST").length, 1);
  streams.close();
});

everywhere("a resume in a fresh chat, mid-text, shows the whole answer", async (ai) => {
  const { backend, streams, chat } = scene(ai, { backend: new Backend().answer("/sessions/s", 200, running) });
  const done = chat.resumeStream();
  const stream = await backend.stream();
  assert.match(stream.request.url, /\/tasks\/task-1\/stream/);
  stream.begin().text("Hello wor");
  await until(() => chat.messages.length === 1 && textOf(chat.messages[0]) === "Hello wor");
  stream.text("ld").finish();
  await done;
  assert.equal(chat.status, "ready");
  assert.deepEqual(last(chat), { id: "m-1", role: "assistant", parts: [{ type: "text", text: "Hello world", state: "done" }] });
  streams.close();
});

everywhere("the rest of a log whose beginning is gone is shown", async (ai) => {
  const { backend, streams, chat } = scene(ai, { backend: new Backend().answer("/sessions/s", 200, running) });
  const done = chat.resumeStream();
  (await backend.stream()).text("world").send({ type: "text-end", id: "0" }, { type: "tool-input-delta", toolCallId: "c", inputTextDelta: "}" }, { type: "tool-output-available", toolCallId: "c", output: 1 }).finish();
  await done;
  assert.equal(chat.error, undefined);
  assert.equal(textOf(last(chat)), "world");
  assert.deepEqual(last(chat).parts[1].output, 1);
  streams.close();
});

each("with nothing to resume, the chat stays ready", async (ai) => {
  const { backend, streams, chat, transport } = scene(ai, { backend: new Backend().answer("/sessions/s", 200, idle) });
  assert.equal(await transport.reconnectToStream({ chatId: "s" }), null);
  await chat.resumeStream();
  assert.equal(chat.status, "ready");
  assert.deepEqual(chat.messages, []);
  assert.ok(backend.requests.every(({ method }) => method === "GET"));
  streams.close();
});

each("a second resume, as StrictMode makes one, takes over from the first", async (ai) => {
  const { backend, streams, chat } = scene(ai, { backend: new Backend().answer("/sessions/s", 200, running) });
  const both = [chat.resumeStream(), chat.resumeStream()];
  const stream = await Promise.race([backend.stream()]);
  stream.begin().text("Hello");
  await until(() => stream.isCancelled || chat.messages.length === 1);
  if (stream.isCancelled) (await backend.stream()).begin().text("Hello").finish();
  else stream.finish();
  await Promise.all(both);
  assert.equal(textOf(last(chat)), "Hello");
  assert.equal(chat.messages.length, 1);
  streams.close();
});

each("stop() of the chat cancels the task on the server", async (ai) => {
  const { backend, streams, chat } = scene(ai, { backend: new Backend().answer("/cancel", 200, { task_id: "task-1", status: "cancelled" }) });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("Hel");
  await until(() => chat.messages.length === 2);
  await chat.stop();
  await done;
  assert.equal(chat.status, "ready");
  assert.equal(textOf(last(chat)), "Hel");
  await until(() => backend.requests.some(({ url }) => url.endsWith("/tasks/task-1/cancel")));
  streams.close();
});

each('with abort: "detach", stop() of the chat detaches: the task is not cancelled, and can be resumed', async (ai) => {
  const { backend, streams, chat } = scene(ai, { abort: "detach" });
  const done = chat.sendMessage({ text: "hi" });
  const stream = await backend.stream();
  stream.begin().text("Hel");
  await until(() => chat.messages.length === 2);
  await chat.stop();
  await done;
  assert.equal(chat.status, "ready");
  assert.equal(textOf(last(chat)), "Hel");
  await until(() => stream.isCancelled);
  assert.ok(!backend.requests.some(({ url }) => url.endsWith("/cancel")));
  assert.equal(streams.getActiveTask("s").taskId, "task-1");
  streams.close();
});

each("stop of the transport cancels on the server, and the chat is ready", async (ai) => {
  const { backend, streams, chat, transport } = scene(ai, { backend: new Backend().answer("/cancel", 200, { task_id: "task-1", status: "cancelled" }) });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("Hel");
  await until(() => chat.messages.length === 2);
  await transport.stop("s");
  await done;
  assert.equal(chat.status, "ready");
  assert.deepEqual(last(chat).parts, [{ type: "text", text: "Hel", state: "done" }]);
  assert.ok(backend.requests.some(({ url }) => url.endsWith("/tasks/task-1/cancel")));
  assert.equal(streams.getActiveTask("s"), null);
  streams.close();
});

each("letting go before there is an answer leaves nothing behind", async (ai) => {
  const { backend, streams, chat } = scene(ai, { abort: "detach" });
  const done = chat.sendMessage({ text: "hi" });
  await until(() => backend.requests.length === 1);
  await chat.stop();
  await done;
  assert.equal(chat.status, "ready");
  assert.equal(streams.isStreaming("s"), false);
  streams.close();
});

each("a failure reaches the chat as the RejoinError that it is, with its code", async (ai) => {
  const received = [];
  const backend = new Backend().answer("/stream", 403, { detail: { code: "ACCESS_DENIED", message: "Not yours." } });
  const { streams, chat } = scene(ai, { backend, onError: (error) => received.push(error) });
  await chat.sendMessage({ text: "hi" });
  assert.equal(chat.status, "error");
  assert.equal(chat.error.code, "ACCESS_DENIED");
  assert.equal(chat.error.status, 403);
  assert.ok(chat.error instanceof RejoinError);
  assert.deepEqual(received, [chat.error]);
  streams.close();
});

each("an error within an answer keeps what was shown, and its code", async (ai) => {
  const { backend, streams, chat } = scene(ai);
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("Hel").send({ type: "error", errorText: "The model is tired.", code: "MODEL_TIRED" }, { type: "finish" }).eof();
  await done;
  assert.equal(chat.status, "error");
  assert.equal(chat.error.code, "MODEL_TIRED");
  assert.equal(chat.error.message, "The model is tired.");
  assert.deepEqual(last(chat).parts, [{ type: "text", text: "Hel", state: "done" }]);
  streams.close();
});

each("another message that the session is answering is shown, and the outcome says that this one was not sent", async (ai) => {
  const backend = new Backend();
  const { streams, chat } = scene(ai, { backend });
  backend.answer("/sessions/s/stream", 409, { detail: { code: "TASK_RUNNING", message: "Wait.", task_id: "task-1" } });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("Other").finish();
  await done;
  assert.equal(textOf(last(chat)), "Other");
  assert.equal(chat.error.code, "TASK_RUNNING");
  streams.close();
});

each("an answer that the app closes under the chat is not shown as complete", async (ai) => {
  const finishes = [];
  const { backend, streams, chat } = scene(ai, { onFinish: (finish) => finishes.push(finish) });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("Hel");
  await until(() => chat.messages.length === 2);
  streams.close();
  await done;
  assert.equal(finishes[0].isAbort, true);
});

each("a regeneration is sent with a new id, with the text of the user's message", async (ai) => {
  const { backend, streams, chat } = scene(ai);
  const send = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin("task-1").text("One").finish();
  await send;
  const again = chat.regenerate();
  const stream = await backend.stream();
  assert.equal(stream.request.body.message, "hi");
  assert.notEqual(stream.request.body.message_id, chat.messages[0].id);
  assert.ok(stream.request.body.message_id);
  stream.send({ type: "start", messageId: "m-2", taskId: "task-2" }).text("Two").finish();
  await again;
  assert.deepEqual(chat.messages.map(textOf), ["hi", "Two"]);
  assert.equal(chat.messages[1].id, "m-2");
  streams.close();
});

each("an edited message is another send", async (ai) => {
  const { backend, streams, chat } = scene(ai);
  const send = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().text("One").finish();
  await send;
  const { id } = chat.messages[0];
  const again = chat.sendMessage({ text: "hi!", messageId: id });
  const stream = await backend.stream();
  assert.equal(stream.request.body.message, "hi!");
  assert.notEqual(stream.request.body.message_id, id);
  stream.send({ type: "start", messageId: "m-2", taskId: "task-2" }).text("Two").finish();
  await again;
  streams.close();
});

each("prepare decides what is sent, and gets the arguments of useChat", async (ai) => {
  const seen = [];
  const prepare = async (options) => {
    seen.push(options);
    return { message: "prepared", context: { url: "https://example.org/", content: "page" }, messageId: "own-id" };
  };
  const { backend, streams, chat } = scene(ai, { prepare });
  const done = chat.sendMessage({ text: "hi" }, { body: { model: "m" }, metadata: { a: 1 } });
  const stream = await backend.stream();
  assert.deepEqual(stream.request.body, { message: "prepared", is_user_message: true, context: { url: "https://example.org/", content: "page" }, message_id: "own-id" });
  stream.begin().finish();
  await done;
  assert.deepEqual(seen[0].body, { model: "m" });
  assert.equal(seen[0].chatId, "s");
  assert.equal(seen[0].trigger, "submit-message");
  streams.close();
});

each("a message that is not the user's needs prepare, and the error says so", async (ai) => {
  const messages = [{ id: "m", role: "assistant", parts: [{ type: "text", text: "hi" }] }];
  const { streams, transport } = scene(ai);
  const send = transport.sendMessages({ trigger: "submit-message", chatId: "s", messageId: undefined, messages, abortSignal: undefined });
  await assert.rejects(send, { code: "INVALID_ARGUMENT", message: /prepare/ });
  streams.close();
});

each("the legacy dialect is shown as the AI SDK's parts, in its order", async (ai, major) => {
  const { backend, streams, chat } = scene(ai, { target: major });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream())
    .send({ type: "stream_start", taskId: "task-1" }, { type: "start", taskId: "task-1", messageId: "m-1" })
    .send({ type: "text_chunk", content: "Let me " }, { type: "text_chunk", content: "look." }, { type: "text_ended" })
    .send({ type: "tool_call_start", tool_id: "t", tool_name: "search", arguments: { q: 1 } })
    .send({ type: "tool_response", tool_id: "t", tool_name: "search", result: { type: "operation_started", operation_id: "o" }, success: true })
    .send({ type: "text_chunk", content: "Working" })
    .send({ type: "tool_response", tool_id: "t", tool_name: "search", result: { found: 3 }, success: true })
    .send({ type: "tool_call_start", tool_id: "u", tool_name: "read", arguments: {} }, { type: "tool_response", tool_id: "u", result: { error: "no such file" }, success: false })
    .send({ type: "login_needed", message: "Sign in" }, { type: "usage", promptTokens: 1, completionTokens: 2, totalTokens: 3 }, { type: "stream_end" })
    .eof();
  await done;
  assert.equal(chat.error, undefined);
  const parts = last(chat).parts;
  assert.deepEqual(parts.map(({ type }) => type), ["text", "tool-search", "text", "tool-read", "data-login_needed"]);
  assert.deepEqual(parts.filter(({ type }) => type === "text"), [{ type: "text", text: "Let me look.", state: "done" }, { type: "text", text: "Working", state: "done" }]);
  assert.deepEqual(parts[1].output, { found: 3 });
  assert.equal(parts[1].preliminary, undefined);
  assert.deepEqual([parts[3].state, parts[3].errorText], ["output-error", "no such file"]);
  assert.deepEqual(parts[4].data, { message: "Sign in" });
  streams.close();
});

each("an unknown type becomes data, and the answer goes on", async (ai) => {
  const data = [];
  const { backend, streams, chat } = scene(ai, { onData: (part) => data.push(part) });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream()).begin().send({ type: "thinking-about", what: "you" }).text("ok").finish();
  await done;
  assert.equal(textOf(last(chat)), "ok");
  assert.equal(last(chat).parts.length, 1);
  assert.deepEqual(plain(data), [{ type: "data-thinking-about", data: { what: "you" }, transient: true }]);
  streams.close();
});

each("provider metadata, dynamic tools, files, sources and data arrive whole", async (ai, major) => {
  const providerMetadata = { acme: { key: "value" } };
  const { backend, streams, chat } = scene(ai, { target: major });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream())
    .begin()
    .send({ type: "text-delta", id: "0", delta: "x", providerMetadata }, { type: "text-end", id: "0" })
    .send({ type: "reasoning-start", id: "r", providerMetadata }, { type: "reasoning-delta", id: "r", delta: "hm" }, { type: "reasoning-end", id: "r" })
    .send({ type: "tool-input-available", toolCallId: "c", toolName: "mcp", input: { a: 1 }, dynamic: true, providerExecuted: true, providerMetadata })
    .send({ type: "tool-output-available", toolCallId: "c", output: [1], dynamic: true, providerExecuted: true })
    .send({ type: "file", url: "data:,", mediaType: "text/plain" }, { type: "source-url", sourceId: "1", url: "https://example.org/", title: "t" })
    .send({ type: "data-weather", id: "w", data: { c: 1 } }, { type: "data-weather", id: "w", data: { c: 2 } }, { type: "message-metadata", messageMetadata: { model: "m" } })
    .finish();
  await done;
  const message = last(chat);
  const [text, reasoning, tool, file, source, data] = message.parts;
  assert.deepEqual(text.providerMetadata, providerMetadata);
  assert.deepEqual([reasoning.text, reasoning.providerMetadata], ["hm", providerMetadata]);
  assert.deepEqual([tool.type, tool.toolName, tool.state, tool.input, tool.output, tool.providerExecuted], ["dynamic-tool", "mcp", "output-available", { a: 1 }, [1], true]);
  assert.deepEqual(tool.callProviderMetadata, providerMetadata);
  assert.deepEqual(file, { type: "file", url: "data:,", mediaType: "text/plain" });
  assert.equal(source.title, "t");
  assert.deepEqual(data, { type: "data-weather", id: "w", data: { c: 2 } });
  assert.deepEqual(message.metadata, { model: "m" });
  streams.close();
});

everywhere("what its major does not know is data in the message", async (ai, major) => {
  const { backend, streams, chat } = scene(ai, { target: major });
  const done = chat.sendMessage({ text: "hi" });
  (await backend.stream())
    .begin()
    .send({ type: "custom", kind: "acme.card", surplus: 1 }, { type: "tool-input-available", toolCallId: "c", toolName: "run", input: {} })
    .send({ type: "tool-approval-request", approvalId: "a", toolCallId: "c" }, { type: "tool-output-denied", toolCallId: "c" })
    .finish();
  await done;
  const parts = last(chat).parts;
  const custom = parts.find(({ type }) => type === (major < 7 ? "data-custom" : "custom"));
  assert.deepEqual(major < 7 ? custom.data : { kind: custom.kind }, { kind: "acme.card" });
  const tool = parts.find(({ type }) => type === "tool-run");
  assert.equal(tool.state, major < 6 ? "output-error" : "output-denied");
  assert.equal(parts.some(({ type }) => type === "data-tool-approval-request"), major < 6);
  streams.close();
});

everywhere("blocks that a step forgot to close are closed before it finishes", async (ai, major) => {
  for (const target of [major, undefined]) {
    const { backend, streams, chat } = scene(ai, { target });
    const done = chat.sendMessage({ text: "hi" });
    (await backend.stream()).begin().send({ type: "start-step" }).text("one").send({ type: "finish-step" }, { type: "start-step" }).text("two").send({ type: "finish-step" }).finish();
    await done;
    assert.equal(chat.error, undefined);
    assert.deepEqual(last(chat).parts.filter(({ type }) => type === "text").map(({ text, state }) => [text, state]), [["one", "done"], ["two", "done"]]);
    streams.close();
  }
});

/** The log's beginning is trimmed while the client is away, so the client gets a 410 and reads the rest from 0-0. */
async function startOver(scene, rest) {
  const { backend, chat } = scene;
  const done = chat.sendMessage({ text: "hi" });
  const first = await backend.stream();
  first.begin().text("Hello ");
  await until(() => chat.messages.length === 2 && textOf(chat.messages[1]) === "Hello ");
  let isTrimmed = false;
  backend.hook = (url) => {
    if (isTrimmed || !url.includes("last_message_id=3-0")) return undefined;
    isTrimmed = true;
    return Response.json({ detail: { code: "CURSOR_TRIMMED", message: "Gone.", task_id: "task-1", first_message_id: "9-0" } }, { status: 410 });
  };
  first.cut();
  const second = await backend.stream();
  assert.match(second.request.url, /last_message_id=0-0/);
  rest(second);
  await done;
}

/** A backend whose responses a test may replace. */
class Hooked extends Backend {
  hook = () => undefined;
  #fetch = this.fetch;
  fetch = async (url, init) => this.hook(url) ?? this.#fetch(url, init);
}

everywhere("an answer that starts over unchanged goes on where it was", async (ai, major) => {
  for (const target of [major, undefined]) {
    const here = scene(ai, { target, backend: new Hooked() });
    await startOver(here, (stream) => stream.begin().text("Hel", "lo wor", "ld").finish());
    assert.equal(here.chat.error, undefined);
    assert.equal(textOf(last(here.chat)), "Hello world");
    assert.equal(last(here.chat).parts.length, 1);
    here.streams.close();
  }
});

everywhere("an answer that starts over as another one is never shown beside the old one", async (ai, major, { isFirst }) => {
  const here = scene(ai, { target: major, backend: new Hooked() });
  await startOver(here, (stream) => stream.from(9).begin().text("Bye").finish());
  if (major === 7 && !isFirst) {
    assert.equal(here.chat.error, undefined);
    assert.deepEqual(last(here.chat).parts, [{ type: "text", text: "Bye", state: "done" }]);
  } else {
    assert.equal(here.chat.error.code, "STREAM_RESET");
    assert.equal(here.chat.error.retryable, true);
    assert.equal(textOf(last(here.chat)), "Hello ");
  }
  here.streams.close();
});

everywhere("of an answer that starts over, what agrees is shown once, and what does not is taken back", async (ai, major, { isFirst }) => {
  const here = scene(ai, { target: major, backend: new Hooked() });
  await startOver(here, (stream) => stream.from(9).begin().text("He", "lp").finish());
  assert.equal(textOf(last(here.chat)), major === 7 && !isFirst ? "Help" : "Hello ");
  assert.equal(here.chat.error?.code, major === 7 && !isFirst ? undefined : "STREAM_RESET");
  here.streams.close();
});

test("a step that the backend takes back is never shown beside what counts", async () => {
  for (const [ai, isKnown] of [[majors[2].ai, true], [earliest[2].ai, false]]) {
    const { backend, streams, chat } = scene(ai, { target: 7 });
    const done = chat.sendMessage({ text: "hi" });
    const stream = await backend.stream();
    stream.begin().send({ type: "start-step" }).text("one");
    await until(() => chat.messages.length === 2 && textOf(chat.messages[1]) === "one");
    stream.send({ type: "reset-step" }).text("two").send({ type: "finish-step" }).finish();
    await done;
    assert.equal(chat.error?.code, isKnown ? undefined : "STREAM_RESET");
    assert.equal(textOf(last(chat)), isKnown ? "two" : "one");
    streams.close();
  }
});

test("two readers of one answer: one that detaches leaves it to the other", async () => {
  const { backend, streams, transport } = scene(majors[2].ai);
  const first = new AbortController();
  const user = { id: "u", role: "user", parts: [{ type: "text", text: "hi" }] };
  const sending = transport.sendMessages({ trigger: "submit-message", chatId: "s", messageId: undefined, messages: [user], abortSignal: first.signal });
  const stream = await backend.stream();
  stream.begin().text("Hel");
  await sending;
  await until(() => streams.getSnapshot("s").message?.parts.length === 1);
  const second = await transport.reconnectToStream({ chatId: "s" });
  first.abort();
  stream.text("lo").finish();
  const chunks = [];
  for await (const chunk of second) chunks.push(chunk);
  assert.equal(chunks.map(({ delta = "" }) => delta).join(""), "Hello");
  streams.close();
});

test("wrong options are reported by name", () => {
  assert.throws(() => new RejoinChatTransport({}), { code: "INVALID_ARGUMENT", message: /streams/ });
  const streams = createChatStreams();
  assert.throws(() => new RejoinChatTransport({ streams, target: 4 }), { message: /target/ });
  assert.throws(() => new RejoinChatTransport({ streams, prepare: "x" }), { message: /prepare/ });
  streams.close();
});
