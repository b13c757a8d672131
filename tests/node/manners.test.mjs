// How a client treats the app around it: its methods, signals, iteration, forgetting (API.md, "The client").

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RejoinError } from "../../dist/index.js";
import { until } from "./lib/backend.mjs";
import { client } from "./lib/client.mjs";

const text = (streams) => streams.getSnapshot("s").message?.parts.map((part) => part.text).join("") ?? "";
const shows = (streams, wanted) => until(() => text(streams) === wanted, `the snapshot never shows ${wanted}`);

describe("methods", () => {
  test("work when they are taken off the client", async () => {
    const { streams, backend } = client();
    const { startStream, getSnapshot, isStreaming, close, ready } = streams;
    await ready;
    const outcome = startStream("s", "hi");
    (await backend.stream()).begin().text("a").finish();
    assert.equal((await outcome).kind, "finished");
    assert.deepEqual([getSnapshot("s").status, isStreaming("s")], ["completed", false]);
    close();
    await assert.rejects(startStream("s", "hi"), { code: "CLOSED" });
  });

  test("work through a Proxy", async () => {
    const { streams, backend } = client();
    const proxy = new Proxy(streams, { get: (target, name, receiver) => Reflect.get(target, name, receiver) });
    await proxy.ready;
    const outcome = proxy.startStream("s", "hi");
    (await backend.stream()).begin().finish();
    assert.equal((await outcome).kind, "finished");
    assert.equal(proxy.getMetrics("s").reconnects, 0);
  });

  test("disposing of it closes it, if the platform supports that", async () => {
    const { streams } = client();
    assert.equal(streams[Symbol.dispose], streams.close);
    streams[Symbol.dispose]();
    await assert.rejects(streams.startStream("s", "hi"), { code: "CLOSED" });
  });
});

describe("the signal of a listener", () => {
  test("aborted, it detaches its listener, and with the last one the stream", async () => {
    const { streams, backend } = client();
    const controller = new AbortController();
    const received = [];
    const outcome = streams.startStream("s", "hi", { onChunk: ({ type }) => received.push(type), signal: controller.signal });
    const stream = await backend.stream();
    stream.begin().text("a");
    await shows(streams, "a");
    controller.abort();
    assert.deepEqual(await outcome, { kind: "superseded", taskId: "task-1" });
    assert.ok(stream.isCancelled);
    assert.equal(streams.getStreamStatus("s"), "idle");
    assert.equal(streams.getActiveTask("s").taskId, "task-1");
    assert.deepEqual(received, ["stream_start", "text_chunk"]);
  });

  test("a stream that others listen to or wait for goes on", async () => {
    for (const other of ["listener", "call"]) {
      const { streams, backend } = client();
      const controller = new AbortController();
      const received = [];
      const first = streams.startStream("s", "hi", other === "call" ? undefined : { signal: controller.signal });
      const stop = streams.subscribeToStream("s", other === "call" ? { signal: controller.signal, onChunk() {} } : (chunk) => received.push(chunk.type));
      const stream = await backend.stream();
      stream.begin().text("a");
      await shows(streams, "a");
      controller.abort();
      stream.text("b").finish();
      await until(() => streams.getStreamStatus("s") === "completed");
      assert.equal((await first).kind, other === "call" ? "finished" : "superseded");
      assert.equal(text(streams), "ab");
      if (other === "listener") assert.equal(received.at(-1), "stream_end");
      stop();
    }
  });

  test("aborted before the call, nothing is sent", async () => {
    const { streams, backend } = client();
    assert.deepEqual(await streams.startStream("s", "hi", { signal: AbortSignal.abort() }), { kind: "superseded" });
    streams.subscribeToStream("s", { signal: AbortSignal.abort(), onChunk: () => assert.fail() });
    assert.deepEqual(backend.requests, []);
  });
});

describe("chunks()", () => {
  async function read(chunks) {
    const types = [];
    for await (const chunk of chunks) types.push(chunk.content ?? chunk.type);
    return types;
  }

  test("yields the next stream from its beginning, and ends with it", async () => {
    const { streams, backend } = client();
    const reading = read(streams.chunks("s"));
    void streams.startStream("s", "hi");
    (await backend.stream()).begin().text("a").text("b").finish();
    assert.deepEqual(await reading, ["stream_start", "a", "b", "stream_end"]);
  });

  test("yields the rest of a running stream, and all of it with replay", async () => {
    const { streams, backend } = client();
    const whole = streams.startStream("s", "hi");
    const stream = await backend.stream();
    stream.begin().text("a");
    await shows(streams, "a");
    const [rest, all] = [read(streams.chunks("s")), read(streams.chunks("s", { replay: true }))];
    await shows(streams, "a");
    stream.text("b").finish();
    await whole;
    assert.deepEqual(await rest, ["b", "stream_end"]);
    assert.deepEqual(await all, ["stream_start", "a", "b", "stream_end"]);
  });

  test("throws the error of a stream that failed, once", async () => {
    const { streams, backend } = client();
    const iterator = streams.chunks("s")[Symbol.asyncIterator]();
    void streams.startStream("s", "hi");
    (await backend.stream()).begin().send({ type: "error", errorText: "no", code: "MODEL_DOWN" });
    const first = [await iterator.next(), await iterator.next()].map(({ value }) => value.type);
    assert.deepEqual(first, ["stream_start", "error"]);
    await assert.rejects(iterator.next(), (error) => error instanceof RejoinError && error.code === "MODEL_DOWN");
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  });

  test("a reader that leaves detaches nothing, nor does an aborted signal, which ends the loop", async () => {
    const { streams, backend } = client();
    const outcome = streams.startStream("s", "hi");
    const controller = new AbortController();
    const aborted = read(streams.chunks("s", { signal: controller.signal }));
    const leaving = (async () => {
      for await (const chunk of streams.chunks("s")) if (chunk.type === "text_chunk") return chunk.content;
      return undefined;
    })();
    const stream = await backend.stream();
    stream.begin().text("a");
    assert.equal(await leaving, "a");
    controller.abort();
    await aborted;
    stream.text("b").finish();
    assert.equal((await outcome).kind, "finished");
  });

  test("ends without an error when the stream is detached or the client closed", async () => {
    for (const end of ["detachStream", "close"]) {
      const { streams, backend } = client();
      void streams.startStream("s", "hi");
      const reading = read(streams.chunks("s"));
      (await backend.stream()).begin().text("a");
      await shows(streams, "a");
      streams[end]("s");
      assert.deepEqual(await reading, ["stream_start", "a"], end);
    }
  });

  test("waits on where there was nothing to resume", async () => {
    const { streams, backend } = client();
    backend.answer("/sessions/s", 200, { messages: [], active_stream: null });
    const reading = read(streams.chunks("s"));
    assert.equal(await streams.resumeSession("s"), null);
    void streams.startStream("s", "hi");
    (await backend.stream()).begin().finish();
    assert.deepEqual(await reading, ["stream_start", "stream_end"]);
  });
});

describe("forget", () => {
  test("drops the state of a session and keeps its task", async () => {
    const { streams, backend } = client();
    const outcome = streams.startStream("s", "hi");
    (await backend.stream()).begin().text("a");
    await shows(streams, "a");
    streams.forget("s");
    assert.equal((await outcome).kind, "superseded");
    assert.deepEqual([streams.getSnapshot("s").message, streams.getStreamStatus("s")], [null, "idle"]);
    assert.equal(streams.getMetrics("s").chunks, 0);
    assert.equal(streams.getActiveTask("s").taskId, "task-1");
    const resumed = streams.resumeSession("s");
    (await backend.stream()).begin().text("a", "b").finish();
    assert.equal((await resumed).kind, "finished");
    assert.equal(text(streams), "ab");
  });

  test("remaining listeners get a reset before the answer is delivered again", async () => {
    const { streams, backend } = client();
    const received = [];
    streams.subscribeToStream("s", (chunk) => received.push(chunk.content ?? chunk.type));
    let changes = 0;
    streams.onSnapshot("s", () => changes++);
    void streams.startStream("s", "hi");
    (await backend.stream()).begin().text("a");
    await until(() => received.includes("a"));
    streams.forget("s");
    const before = changes;
    await until(() => changes > before);
    assert.equal(streams.getSnapshot("s").message, null);
    const resumed = streams.resumeSession("s");
    (await backend.stream()).begin().text("a").finish();
    await resumed;
    assert.deepEqual(received, ["stream_start", "a", "stream_reset", "stream_start", "a", "stream_end"]);
  });

  test("sessions that ended and that nobody watches are forgotten beyond fifty", async () => {
    const { streams, backend } = client();
    const finish = async (session) => {
      const outcome = streams.startStream(session, "hi");
      (await backend.stream()).begin(`task-${session}`).text("a").finish();
      await outcome;
    };
    streams.onSnapshot("watched", () => {});
    await finish("watched");
    for (let nth = 0; nth < 60; nth++) await finish(`s${nth}`);
    await until(() => streams.getMetrics("s0").chunks === 0, "the oldest is kept");
    const isKept = (session) => streams.getSnapshot(session).message !== null;
    assert.ok(isKept("watched") && isKept("s59") && isKept("s10"));
    assert.ok(!isKept("s0") && !isKept("s9"));
    assert.equal(streams.getMetrics().chunks, 61 * 3);
  });
});
