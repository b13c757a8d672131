// The agreement between the shell and the client in TypeScript: the storage is read once at the start, and each batch is
// confirmed.

import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { createChatStreams, init } from "../../dist/index.js";
import { Backend, until } from "./lib/backend.mjs";

const KEY = "chat_active_tasks:v1::s";
const RECORD = JSON.stringify({ v: 1, task: "task-1", session: "s", last: "0-0", started: Date.now(), saved: Date.now() });

afterEach(() => mock.restoreAll());

/** Returns a storage that counts how often each key is read. */
function counting(entries) {
  const map = new Map(entries);
  const reads = new Map();
  return {
    reads,
    getItem: (key) => (reads.set(key, (reads.get(key) ?? 0) + 1), map.get(key) ?? null),
    setItem: (key, text) => void map.set(key, text),
    removeItem: (key) => void map.delete(key),
    key: (index) => [...map.keys()][index] ?? null,
    get length() {
      return map.size;
    },
  };
}

test("a page that reloads and resumes reads the saved record once", async () => {
  // Before init: the call waits for the WebAssembly, as on a page that was just loaded.
  const storage = counting([[KEY, RECORD]]);
  const backend = new Backend();
  const streams = createChatStreams({ fetch: backend.fetch, storage, delivery: "immediate", seed: 1 });
  const outcome = streams.resumeSession("s");
  const stream = await backend.stream();
  assert.match(stream.request.url, /\/tasks\/task-1\/stream/);
  assert.equal(storage.reads.get(KEY), 1);
  stream.begin().finish();
  assert.equal((await outcome).kind, "finished");
  streams.close();
});

test("a batch that cannot be handed out is confirmed and reported, and the promise resolves", async () => {
  await init();
  const reported = mock.method(globalThis.reportError ? globalThis : console, globalThis.reportError ? "reportError" : "error", () => {});
  const backend = new Backend();
  let looks = 0;
  const options = {
    fetch: backend.fetch, storage: "memory", delivery: "immediate", seed: 1,
    get onMalformed() {
      if (looks++ === 1) throw new Error("own");
      return undefined;
    },
  };
  const streams = createChatStreams(options);
  const received = [];
  const outcome = streams.startStream("s", "hello", (chunk) => void received.push(chunk.type));
  const stream = await backend.stream();
  stream.begin();
  await until(() => looks > 1);
  stream.text("a").finish();
  assert.equal((await outcome).kind, "finished");
  assert.deepEqual(received, ["text_chunk", "stream_end"]);
  assert.match(String(reported.mock.calls[0].arguments[0]), /own/);
  streams.close();
});

test("the active task is returned though the storage cannot be read", async () => {
  const backend = new Backend();
  const storage = { ...counting([]), getItem: () => { throw new Error("denied"); }, key: undefined, length: undefined };
  const streams = createChatStreams({ fetch: backend.fetch, storage, delivery: "immediate", seed: 1 });
  streams.startStream("s", "hello");
  (await backend.stream()).begin().text("a");
  await until(() => streams.getActiveTask("s") !== null);
  assert.equal(streams.getActiveTask("s").taskId, "task-1");
  assert.deepEqual(streams.listActiveTasks().map(({ taskId }) => taskId), ["task-1"]);
  streams.close();
});

test("an error message contains the values that it is about", async () => {
  await init();
  const failure = async (options) => {
    const streams = createChatStreams({ storage: "memory", retry: { maxRetries: 0 }, ...options });
    const { error } = await streams.startStream("s", "hello");
    streams.close();
    return [error.code, error.message];
  };
  assert.deepEqual(await failure({ baseUrl: "ftp://nowhere" }), [
    "INVALID_URL", "ftp://nowhere/sessions/s/stream is no URL that can be fetched from here: set baseUrl.",
  ]);
  const teapot = async () => new Response("{}", { status: 418 });
  assert.deepEqual(await failure({ fetch: teapot }), ["HTTP_418", "The server answered 418."]);
  const thrown = async () => { throw new TypeError("no route to 10.0.0.7"); };
  assert.match((await failure({ fetch: thrown }))[1], /no route to 10\.0\.0\.7/);
});
