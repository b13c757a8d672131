// `createChatStreams` as API.md describes it, on a backend that each test plays itself.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createChatStreams, RejoinError } from "../../dist/index.js";
import { Backend, until } from "./lib/backend.mjs";
import { client, closeAfterwards } from "./lib/client.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const types = (chunks) => chunks.map((chunk) => chunk.type);
const text = (chunks) => chunks.filter((chunk) => chunk.type === "text_chunk").map((chunk) => chunk.content).join("");

/** Returns a listener that keeps what it receives. */
function recorder() {
  const received = [];
  return Object.assign((chunk) => void received.push(chunk), { received });
}

describe("one stream", () => {
  test("a message is posted, its chunks come in order, and the promise resolves with its outcome", async () => {
    const { streams, backend } = client();
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", listener);
    const stream = await backend.stream();
    assert.equal(stream.request.url, "/api/chat/sessions/s/stream");
    assert.equal(stream.request.method, "POST");
    assert.deepEqual({ ...stream.request.body, message_id: "" }, { message: "hello", is_user_message: true, message_id: "" });
    stream.begin().text("Hel", "lo").finish();
    assert.deepEqual(await outcome, { kind: "finished", taskId: "task-1", finishReason: "stop" });
    assert.deepEqual(types(listener.received), ["stream_start", "text_chunk", "text_chunk", "stream_end"]);
    assert.equal(text(listener.received), "Hello");
    assert.equal(listener.received[1].eventId, "3-0");
  });

  test("a read that contains a whole long answer delivers it complete and in order", async () => {
    const { streams, backend } = client();
    const deltas = Array.from({ length: 40_000 }, (_, index) => `${index} `);
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", listener);
    const stream = await backend.stream();
    stream.begin();
    await until(() => listener.received.length > 0);
    const events = deltas.map((delta, index) => `id: ${index + 10}-0\ndata: ${JSON.stringify({ type: "text-delta", id: "0", delta })}\n\n`);
    stream.raw(events.join("")).from(90_000).finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(text(listener.received), deltas.join(""));
  });

  test("a stop in the middle of a long read ends the delivery", async () => {
    const { streams, backend } = client();
    backend.answer("/cancel", 200, { task_id: "task-1", status: "cancelled" });
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", (chunk) => {
      listener(chunk);
      if (chunk.content === "stop") void streams.stopStream("s");
    });
    const stream = await backend.stream();
    stream.begin();
    await until(() => listener.received.length > 0);
    const event = (delta) => `data: ${JSON.stringify({ type: "text-delta", id: "0", delta })}\n\n`;
    stream.raw(event("stop") + event("more").repeat(40_000));
    assert.equal((await outcome).kind, "stopped");
    assert.equal(text(listener.received), "stop");
    assert.ok(stream.isCancelled);
  });

  test("what the request says goes on the wire", async () => {
    const { streams, backend } = client();
    void streams.startStream("s/1", { message: "m", isUserMessage: false, context: { url: "u", content: "c" }, messageId: "id-1" });
    const { request } = await backend.stream();
    assert.equal(request.url, "/api/chat/sessions/s%2F1/stream");
    assert.deepEqual(request.body, { message: "m", is_user_message: false, context: { url: "u", content: "c" }, message_id: "id-1" });
  });

  test("a cut is rejoined from the cursor, and nothing comes twice", async () => {
    const { streams, backend } = client();
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", listener);
    const first = await backend.stream();
    first.begin().text("one ");
    await until(() => text(listener.received) === "one ");
    first.cut();
    const second = await backend.stream();
    assert.match(second.request.url, /^\/api\/chat\/tasks\/task-1\/stream\?last_message_id=3-0/);
    second.from(3).text("one ", "two").finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(text(listener.received), "one two");
    assert.equal(streams.getMetrics("s").duplicates, 1);
    assert.equal(streams.getMetrics().reconnects, 1);
  });

  test("an error chunk fails it with its code", async () => {
    const { streams, backend } = client();
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().send({ type: "error", errorText: "no model", code: "MODEL_DOWN", details: { a: 1 } });
    const { kind, error } = await outcome;
    assert.equal(kind, "failed");
    assert.ok(error instanceof RejoinError);
    assert.deepEqual([error.code, error.message, error.details], ["MODEL_DOWN", "no model", { a: 1 }]);
    assert.equal(streams.getStreamStatus("s"), "error");
    assert.equal(streams.getSnapshot("s").error, streams.getSnapshot("s").error);
  });

  test("a second message while one is answered sends nothing and detaches nothing", async () => {
    const { streams, backend } = client();
    const intruder = recorder();
    const outcome = streams.startStream("s", "one");
    const stream = await backend.stream();
    stream.begin();
    const refused = await streams.startStream("s", "two", intruder);
    assert.deepEqual([refused.kind, refused.error.code], ["failed", "TASK_RUNNING"]);
    stream.text("x").finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(backend.requests.length, 1);
    assert.deepEqual(intruder.received, []);
  });

  test("a frame that is no chunk is skipped and reported", async () => {
    const frames = [];
    const { streams, backend } = client({ onMalformed: (frame) => void frames.push(frame) });
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().raw("data: {oops\n\n").text("fine").finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(frames.length, 1);
    assert.equal(frames[0].data, "{oops");
    assert.equal(streams.getMetrics("s").malformed, 1);
  });

  test("a bad frame is passed to onMalformed as a method of the given options", async () => {
    const options = {
      received: [],
      onMalformed({ data }) {
        this.received.push(data);
      },
    };
    const backend = new Backend();
    const streams = createChatStreams(Object.assign(options, { fetch: backend.fetch, storage: "memory", seed: 1 }));
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().raw("data: {oops\n\n").text("fine").finish();
    await outcome;
    streams.close();
    assert.deepEqual(options.received, ["{oops"]);
  });

  test("a listener that detaches when it receives a bad frame receives nothing more", async () => {
    for (const leave of ["detachStream", "stopStream"]) {
      const calls = [];
      const onMalformed = () => {
        calls.push("malformed");
        void streams[leave]("s");
      };
      const { streams, backend } = client({ onMalformed });
      streams.subscribeToStream("s", ({ type }) => calls.push(type));
      const outcome = streams.startStream("s", "hello", recorder());
      (await backend.stream()).begin().raw("data: {oops\n\ndata: {again\n\n").text("more");
      await outcome;
      assert.deepEqual(calls, ["malformed"], leave);
    }
  });

  test("a stream that starts over passes a chunk to a function, and calls onReset of an object", async () => {
    const { streams, backend } = client();
    const calls = [];
    const listener = recorder();
    streams.subscribeToStream("s", { onReset: () => calls.push("reset"), onChunk: ({ type }) => calls.push(type), onBatch: (batch) => calls.push(batch.length) });
    const outcome = streams.startStream("s", "hello", listener);
    const first = await backend.stream();
    first.begin().text("old");
    await until(() => text(listener.received) === "old");
    backend.answer("/tasks/task-1/stream", 410, { detail: { code: "CURSOR_TRIMMED", message: "gone", task_id: "task-1", first_message_id: "9-0" } });
    first.cut();
    await until(() => backend.requests.length > 1);
    backend.answer("/nothing", 404);
    await until(() => listener.received.some(({ type }) => type === "stream_reset") || backend.requests.length > 3);
    assert.ok(types(listener.received).includes("stream_reset"));
    assert.ok(calls.includes("reset"));
    streams.detachStream("s");
    assert.equal((await outcome).kind, "superseded");
  });
});

describe("requests", () => {
  test("headers are requested for every request, with the reason", async () => {
    const asked = [];
    const { streams, backend } = client({ headers: async (why) => (asked.push(why), { authorization: `token ${asked.length}` }) });
    void streams.startStream("s", "hello");
    const first = await backend.stream();
    assert.equal(first.request.headers.authorization, "token 1");
    assert.equal(first.request.headers.accept, "text/event-stream");
    first.begin();
    await until(() => streams.getActiveTask("s"));
    first.cut();
    assert.equal((await backend.stream()).request.headers.authorization, "token 2");
    assert.deepEqual(asked, ["send", "resume"]);
  });

  test("401 asks headers once more, then fails", async () => {
    const asked = [];
    const { streams, backend } = client({ headers: (why) => (asked.push(why), {}) });
    backend.answer("/stream", 401, { detail: { code: "UNAUTHORIZED", message: "who?" } });
    const { kind, error } = await streams.startStream("s", "hello");
    assert.deepEqual([kind, error.code, error.status, asked], ["failed", "UNAUTHORIZED", 401, ["send", "unauthorized"]]);
  });

  test("headers that throw, or cannot be sent, fail the message", async () => {
    for (const headers of [() => { throw new Error("no token"); }, () => Promise.reject(new Error("no token")), { "bad name": "x" }]) {
      const { streams, backend } = client({ headers, retry: { initialDelayMs: 1, maxDelayMs: 1, maxRetries: 1 } });
      const { kind, error } = await streams.startStream("s", "hello");
      assert.deepEqual([kind, error.code, backend.requests.length], ["failed", "HEADERS_FAILED", 0]);
    }
  });

  test("credentials reach fetch, and a given base URL loses its slash", async () => {
    const { streams, backend } = client({ credentials: "include", baseUrl: "https://chat.example/api/" });
    void streams.resumeSession("s");
    await until(() => backend.requests.length === 1);
    assert.equal(backend.requests[0].url, "https://chat.example/api/sessions/s");
    assert.equal(backend.requests[0].credentials, "include");
  });

  test("endpoints that answer JSON may be below another base than streams", async () => {
    const { streams, backend } = client({ baseUrl: "https://chat.example/api", jsonBaseUrl: "https://chat.example/proxy/api/" });
    void streams.resumeSession("s");
    void streams.startStream("other", "hello");
    await until(() => backend.requests.length === 2);
    const urls = backend.requests.map(({ url }) => url).sort();
    assert.deepEqual(urls, ["https://chat.example/api/sessions/other/stream", "https://chat.example/proxy/api/sessions/s"]);
  });

  test("the app's fetch and headers run outside of WebAssembly and may call any method", async () => {
    const { backend } = client();
    let streams;
    const stacks = [];
    const reenter = () => {
      stacks.push(new Error().stack);
      streams.getSnapshot("s");
      streams.setActiveTask("other", { taskId: "t" });
      streams.detachStream("third");
    };
    streams = createChatStreams({
      storage: "memory", delivery: "immediate",
      headers: () => (reenter(), {}),
      fetch: (url, init) => (reenter(), backend.fetch(url, init)),
    });
    closeAfterwards(streams);
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(stacks.length, 2);
    for (const stack of stacks) assert.doesNotMatch(stack, /wasm:/);
  });
});

describe("listeners", () => {
  test("one that throws stops no other, and the error is reported", async () => {
    const reported = [];
    globalThis.reportError = (error) => void reported.push(error.message);
    after(() => delete globalThis.reportError);
    const { streams, backend } = client();
    const listener = recorder();
    streams.subscribeToStream("s", () => { throw new Error("listener"); });
    streams.subscribeToStream("s", listener);
    streams.onSnapshot("s", () => { throw new Error("watcher"); });
    streams.onStreamComplete(() => { throw new Error("complete"); });
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().text("a").finish();
    assert.equal((await outcome).kind, "finished");
    await until(() => reported.includes("complete"));
    assert.equal(text(listener.received), "a");
    assert.ok(reported.includes("listener") && reported.includes("watcher"));
  });

  test("a late listener first receives the stream so far, merged, if it asks for that", async () => {
    const { streams, backend } = client();
    const early = recorder();
    void streams.startStream("s", "hello", early);
    const stream = await backend.stream();
    stream.begin().text("a", "b", "c");
    await until(() => text(early.received) === "abc");
    const [late, later] = [recorder(), recorder()];
    streams.subscribeToStream("s", late, { replay: true });
    streams.subscribeToStream("s", later);
    stream.text("d").finish();
    await until(() => types(late.received).includes("stream_end"));
    assert.deepEqual(types(late.received), ["stream_start", "text_chunk", "text_chunk", "stream_end"]);
    assert.equal(text(late.received), "abcd");
    assert.equal(late.received[1].eventId, "5-0");
    assert.equal(text(later.received), "d");
    assert.equal(early.received.length, 6);
  });

  test("one that joins a running stream at an event receives what comes after it", async () => {
    const { streams, backend } = client();
    const early = recorder();
    void streams.startStream("s", "hello", early);
    const stream = await backend.stream();
    stream.begin().text("a", "b", "c", "d").send({ type: "tool-input-start", toolCallId: "t", toolName: "n" });
    await until(() => types(early.received).includes("tool_call_start"));
    const ears = ["4-0", "6", "7-0", "8-0", "0-0"].map((after) => {
      const late = recorder();
      void streams.reconnectToTask("s", "task-1", after, late);
      return late;
    });
    stream.text("e").finish();
    await until(() => ears.every(({ received }) => types(received).includes("stream_end")));
    assert.deepEqual(ears.map(({ received }) => text(received)), ["cde", "e", "e", "", "abcde"]);
    assert.deepEqual(types(ears[2].received), ["text_chunk", "stream_end"]);
    assert.equal(ears[0].received[0].eventId, "6-0");
    assert.equal(backend.requests.length, 1);
  });

  test("one that unsubscribes, even from within, receives no more", async () => {
    const { streams, backend } = client();
    const received = [];
    const leave = streams.subscribeToStream("s", (chunk) => { received.push(chunk); leave(); });
    const outcome = streams.startStream("s", "hello");
    (await backend.stream()).begin().text("a", "b").finish();
    await outcome;
    assert.equal(received.length, 1);
  });

  test("the listener of a call ends with its stream, and that of a subscription stays", async () => {
    const { streams, backend } = client();
    const [ofCall, subscribed] = [recorder(), recorder()];
    streams.subscribeToStream("s", subscribed);
    for (const listener of [ofCall, undefined]) {
      const outcome = streams.startStream("s", "hello", listener);
      (await backend.stream()).begin().text("a").finish();
      await outcome;
    }
    assert.equal(text(ofCall.received), "a");
    assert.equal(text(subscribed.received), "aa");
  });

  test("the status goes its way, and the snapshot is the same object until something changed", async () => {
    const { streams, backend } = client();
    const statuses = [];
    const snapshots = new Set();
    streams.onSnapshot("s", () => snapshots.add(streams.getSnapshot("s")));
    assert.equal(streams.getSnapshot("s"), streams.getSnapshot("s"));
    const outcome = streams.startStream("s", "hello", { onStatus: (status) => void statuses.push(status) });
    assert.equal(streams.isStreaming("s"), streams.getStreamStatus("s") === "connecting");
    (await backend.stream()).begin().text("a").finish();
    await outcome;
    await until(() => streams.getStreamStatus("s") === "completed");
    assert.deepEqual(statuses, ["connecting", "streaming", "completed"]);
    assert.equal(streams.getSnapshot("s"), streams.getSnapshot("s"));
    assert.ok(snapshots.size >= 2);
    assert.deepEqual(streams.getSnapshot("s").message.parts.map(({ type }) => type), ["text"]);
  });

  test("onStreamComplete comes after the last chunk", async () => {
    const { streams, backend } = client();
    const order = [];
    streams.onStreamComplete((session, outcome) => order.push(`${session} ${outcome.kind}`));
    const outcome = streams.startStream("s", "hello", ({ type }) => order.push(type));
    (await backend.stream()).begin().finish();
    await outcome;
    await until(() => order.includes("s finished"));
    assert.deepEqual(order, ["stream_start", "stream_end", "s finished"]);
  });
});

describe("letting go", () => {
  test("detachStream calls nothing back after it returned, keeps the task, and frees the connection", async () => {
    const { streams, backend } = client();
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", listener);
    const stream = await backend.stream();
    stream.begin().text("a");
    await until(() => text(listener.received) === "a");
    let isDetached = false;
    const late = [];
    streams.onSnapshot("s", () => isDetached && late.push("snapshot"));
    streams.subscribeToStream("s", () => isDetached && late.push("chunk"));
    streams.detachStream("s");
    isDetached = true;
    assert.equal(streams.getStreamStatus("s"), "idle");
    assert.deepEqual(await outcome, { kind: "superseded", taskId: "task-1" });
    await until(() => stream.isCancelled);
    assert.deepEqual(late, []);
    assert.equal(streams.getActiveTask("s").taskId, "task-1");
    assert.equal(streams.getActiveTask("s").lastMessageId, "3-0");
  });

  test("a listener that detaches receives nothing of the rest of its batch", async () => {
    const { streams, backend } = client();
    const received = [];
    const outcome = streams.startStream("s", "hello", (chunk) => {
      received.push(chunk.type);
      if (chunk.type === "text_chunk") streams.detachStream("s");
    });
    (await backend.stream()).begin().text("a", "b", "c").finish();
    assert.equal((await outcome).kind, "superseded");
    assert.deepEqual(received, ["stream_start", "text_chunk"]);
  });

  test("stopStream cancels on the server, and no later chunk is delivered", async () => {
    const { streams, backend } = client();
    backend.answer("/cancel", 200, { task_id: "task-1", status: "cancelled" });
    const listener = recorder();
    const outcome = streams.startStream("s", "hello", listener);
    const stream = await backend.stream();
    stream.begin().text("a");
    await until(() => text(listener.received) === "a");
    await streams.stopStream("s");
    assert.equal((await outcome).kind, "stopped");
    assert.equal(backend.requests.at(-1).url, "/api/chat/tasks/task-1/cancel");
    assert.equal(streams.getStreamStatus("s"), "stopped");
    assert.equal(streams.getActiveTask("s"), null);
    assert.equal(text(listener.received), "a");
  });

  test("close resolves what waits as superseded, calls nothing back, and is idempotent", async () => {
    const { streams, backend } = client();
    const late = [];
    const outcome = streams.startStream("s", "hello", (chunk) => late.push(chunk.type));
    const resume = streams.resumeSession("s");
    const stream = await backend.stream();
    stream.begin();
    streams.onStreamComplete(() => late.push("complete"));
    streams.onSnapshot("s", () => late.push("snapshot"));
    late.length = 0;
    streams.close();
    streams[Symbol.dispose]?.();
    assert.equal((await outcome).kind, "superseded");
    assert.equal((await resume).kind, "superseded");
    await new Promise((done) => setTimeout(done, 20));
    assert.deepEqual(late, []);
    await assert.rejects(streams.startStream("s", "x"), (error) => error instanceof RejoinError && error.code === "CLOSED");
    await assert.rejects(streams.stopStream("s"), { code: "CLOSED" });
  });

  test("a closed client is kept by nobody", async () => {
    const closed = await closedWhileStreaming();
    for (let time = 0; closed.deref() && time < 100; time++) {
      // An object that was weakly referenced stays alive until the task ends.
      await new Promise(setImmediate);
      collect();
    }
    assert.equal(closed.deref(), undefined);
  });
});

/** Returns a weak reference to a client that was dropped in the middle of a stream. The test's own references end here. */
async function closedWhileStreaming() {
  const backend = new Backend();
  const streams = createChatStreams({ fetch: (...request) => (streams, backend.fetch(...request)), storage: "memory", delivery: "immediate" });
  const listener = recorder();
  const outcome = streams.startStream("s", "hello", listener);
  (await backend.stream()).begin().text("a");
  await until(() => text(listener.received) === "a");
  streams.close();
  await outcome;
  return new WeakRef(streams);
}

describe("saved tasks", () => {
  test("a task is saved as soon as it is known, and forgotten when it has ended", async () => {
    const { streams, backend } = client();
    const outcome = streams.startStream("s", "hello");
    const stream = await backend.stream();
    stream.begin();
    await until(() => streams.listActiveTasks().length === 1);
    const [{ taskId, sessionId, operationId, toolName, startedAt }] = streams.listActiveTasks();
    assert.deepEqual({ taskId, sessionId, operationId, toolName }, { taskId: "task-1", sessionId: "s", operationId: "", toolName: "" });
    assert.ok(Math.abs(startedAt - Date.now()) < 5_000);
    stream.finish();
    await outcome;
    assert.deepEqual(streams.listActiveTasks(), []);
  });

  test("resumeSession joins the saved task of another client on the same storage, and flags what was delivered before", async () => {
    const map = new Map();
    const storage = {
      getItem: (key) => map.get(key) ?? null, setItem: (key, value) => void map.set(key, value), removeItem: (key) => void map.delete(key),
      key: (index) => [...map.keys()][index] ?? null, get length() { return map.size; },
    };
    const before = client({ storage });
    void before.streams.startStream("s", "hello");
    (await before.backend.stream()).begin().text("a");
    await until(() => before.streams.getSnapshot("s").message);
    before.streams.close();
    assert.doesNotMatch(JSON.stringify([...map]), /hello/);
    const { streams, backend } = client({ storage });
    const listener = recorder();
    const outcome = streams.resumeSession("s", listener);
    const stream = await backend.stream();
    assert.match(stream.request.url, /last_message_id=0-0&compact=1$/);
    stream.begin().text("a", "b").finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual(listener.received.filter(({ replayed }) => replayed).map(({ type }) => type), ["stream_start", "text_chunk"]);
    assert.equal(text(listener.received), "ab");
    assert.deepEqual([...map], []);
  });

  test("they can be set, read, moved and cleared by hand", async () => {
    const { streams } = client();
    await streams.ready;
    streams.setActiveTask("s", { taskId: "t", toolName: "search", startedAt: Date.now() });
    assert.equal(streams.getActiveTask("s").lastMessageId, "0-0");
    streams.updateTaskLastMessageId("s", "5-1");
    assert.deepEqual([streams.getActiveTask("s").lastMessageId, streams.getActiveTask("s").toolName], ["5-1", "search"]);
    streams.clearActiveTask("s");
    assert.equal(streams.getActiveTask("s"), null);
  });

  test("nothing to resume is null", async () => {
    const { streams, backend } = client();
    backend.answer("/sessions/s", 200, { id: "s", messages: [], active_stream: null });
    assert.equal(await streams.resumeSession("s"), null);
    assert.equal(streams.getStreamStatus("s"), "idle");
  });

  test("a storage that throws is replaced by memory", async () => {
    const no = () => { throw new Error("no"); };
    const { streams, backend } = client({ storage: { getItem: no, setItem: no, removeItem: no, key: no, get length() { return no(); } } });
    const outcome = streams.startStream("s", "hello");
    const stream = await backend.stream();
    stream.begin();
    await until(() => streams.getActiveTask("s")?.taskId === "task-1");
    stream.finish();
    assert.equal((await outcome).kind, "finished");
  });
});

describe("misuse", () => {
  test("promises reject, and everything else throws, by the name of the argument", async () => {
    const { streams } = client();
    const code = "INVALID_ARGUMENT";
    await assert.rejects(streams.startStream(1, "m"), { code });
    await assert.rejects(streams.startStream("s"), { code });
    await assert.rejects(streams.startStream("s", { message: 1 }), { code });
    await assert.rejects(streams.startStream("s", "m", 5), { code });
    await assert.rejects(streams.startStream("s", "m", { onChunk: 5 }), { code });
    await assert.rejects(streams.reconnectToTask("s", undefined), { code });
    await assert.rejects(streams.reconnectToTask("s", "t", 5), { code });
    await assert.rejects(streams.resumeSession(""), { code });
    assert.throws(() => streams.subscribeToStream("s", undefined), { code });
    assert.throws(() => streams.getSnapshot(undefined), { code });
    assert.throws(() => streams.onSnapshot("s", 1), { code });
    assert.throws(() => streams.setActiveTask("s", { taskId: 1 }), { code });
  });

  test("options of the wrong type throw at once; numbers of any size do not", () => {
    for (const options of [5, { baseUrl: 1 }, { jsonBaseUrl: 1 }, { headers: "x" }, { fetch: {} }, { storage: "disk" }, { storage: {} }, { retry: 1 }, { retry: { maxRetries: "3" } }, { delivery: "slow" }, { onMalformed: 1 }]) {
      assert.throws(() => createChatStreams(options), (error) => error instanceof RejoinError && error.code === "INVALID_ARGUMENT", JSON.stringify(options));
    }
    client({ stallTimeoutMs: -1, taskTtlMs: Infinity, seed: NaN, retry: { initialDelayMs: 1e300, maxRetries: -5, windowMs: 0.5 } });
  });

  test("an invalid cursor fails the call", async () => {
    const { streams, backend } = client();
    const { kind, error } = await streams.reconnectToTask("s", "t", "yesterday");
    assert.deepEqual([kind, error.code, backend.requests.length], ["failed", "INVALID_CURSOR", 0]);
  });
});
