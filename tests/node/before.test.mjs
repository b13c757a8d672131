// Before the WebAssembly is loaded (API.md, "The client"): sessions with a waiting call show that, and why loading failed. The
// tests share one process and depend on their order, because a module is loaded once.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createChatStreams, init } from "../../dist/slim.js";
import { Backend, until } from "./lib/backend.mjs";

const bytes = readFileSync(new URL("../../dist/client.wasm", import.meta.url));
const backend = new Backend();
const streams = createChatStreams({ fetch: backend.fetch, storage: "memory", delivery: "immediate", seed: 1 });
const shown = { waits: [], quiet: [] };
for (const session of ["waits", "quiet"]) streams.onSnapshot(session, () => shown[session].push(streams.getSnapshot(session).status));
const statuses = [];
streams.subscribeToStream("waits", { onStatus: (status) => statuses.push(status) });

test("a session with a waiting call is connecting, and shows why the WebAssembly could not be loaded", async () => {
  const outcome = streams.startStream("waits", "hi");
  assert.equal(streams.getStreamStatus("waits"), "connecting");
  assert.ok(streams.isStreaming("waits"));
  const { kind, error } = await outcome;
  assert.deepEqual([kind, error.code], ["failed", "NOT_INITIALISED"]);
  const snapshot = streams.getSnapshot("waits");
  assert.deepEqual([snapshot.status, snapshot.error], ["error", error]);
  await until(() => shown.waits.at(-1) === "error");
  assert.equal(streams.getStreamStatus("quiet"), "idle");
  assert.deepEqual([shown.quiet, statuses], [[], ["connecting", "error"]]);
});

test("a stop waits for it without showing that", async () => {
  const stopped = streams.stopStream("quiet");
  assert.equal(streams.getStreamStatus("quiet"), "idle");
  await stopped;
  assert.deepEqual(shown.quiet, []);
});

test("a call that was detached before is not connecting any more", async () => {
  const loading = init(new Promise((resolve) => setTimeout(resolve, 5, new Uint8Array([1]))));
  const [first, second] = [streams.startStream("waits", "hi"), streams.resumeSession("waits")];
  assert.equal(streams.getStreamStatus("waits"), "connecting");
  streams.detachStream("waits");
  assert.equal(streams.getStreamStatus("waits"), "idle");
  assert.deepEqual([(await first).kind, (await second).kind], ["superseded", "superseded"]);
  await assert.rejects(loading, { code: "INVALID_WASM" });
});

test("the next call tries again, and is connecting once", async () => {
  const before = statuses.length;
  const loading = init(Promise.resolve(bytes));
  const outcome = streams.startStream("waits", "hi");
  const nothing = streams.resumeSession("quiet");
  backend.answer("/sessions/quiet", 404, { detail: { code: "SESSION_NOT_FOUND" } });
  await loading;
  (await backend.stream()).begin().text("a").finish();
  assert.equal((await outcome).kind, "finished");
  assert.equal(await nothing, null);
  assert.deepEqual(statuses.slice(before), ["connecting", "streaming", "completed"]);
  assert.equal(streams.getStreamStatus("quiet"), "idle");
  streams.close();
});
