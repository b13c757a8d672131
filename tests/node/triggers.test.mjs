// What a message can contain, how it returns to the app, and how an app changes requests (API.md, "The client").

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RejoinError } from "../../dist/index.js";
import { until } from "./lib/backend.mjs";
import { client } from "./lib/client.mjs";

describe("what goes on the wire", () => {
  const parts = [{ type: "text", text: "look" }, { type: "file", mediaType: "image/png", url: "data:image/png;base64,AA==" }];

  test("all that a message has, by the names of the protocol", async () => {
    const { streams, backend } = client();
    void streams.startStream("s", {
      message: "look", messageId: "m1", context: { url: "u", content: "c" }, parts, metadata: { at: 1, deep: ["\ud800"] }, body: { model: "x" },
      trigger: "edit", replaces: "m0",
      toolOutputs: [{ toolCallId: "c1", output: null }, { toolCallId: "c2", errorText: "no" }],
      approvals: [{ approvalId: "a1", approved: true }, { approvalId: "a2", approved: false, reason: "never" }],
    });
    const { request } = await backend.stream();
    assert.deepEqual(request.body, {
      message: "look", is_user_message: true, message_id: "m1", context: { url: "u", content: "c" }, parts,
      metadata: { at: 1, deep: ["\ud800"] }, body: { model: "x" }, trigger: "edit", replaces: "m0",
      tool_outputs: [{ tool_call_id: "c1", output: null }, { tool_call_id: "c2", error_text: "no" }],
      approvals: [{ approval_id: "a1", approved: true }, { approval_id: "a2", approved: false, reason: "never" }],
    });
  });

  test("missing fields are not sent", async () => {
    const { streams, backend } = client();
    void streams.startStream("s", { message: "m", trigger: undefined, parts: undefined });
    const { request } = await backend.stream();
    assert.deepEqual(Object.keys(request.body), ["message", "is_user_message", "message_id"]);
  });

  test("headers of one send go with it and its repeats, and with no rejoin", async () => {
    const { streams, backend } = client({ headers: { "x-app": "all", "x-who": "client" } });
    void streams.startStream("s", { message: "m", headers: new Headers({ "x-who": "send", "x-one": "1" }) });
    const first = await backend.stream();
    const own = (request) => ["x-app", "x-who", "x-one"].map((name) => request.headers[name]);
    assert.deepEqual(own(first.request), ["all", "send", "1"]);
    first.begin().text("a");
    await until(() => streams.getSnapshot("s").message !== null);
    first.cut();
    assert.deepEqual(own((await backend.stream()).request), ["all", "client", undefined]);
  });

  test("a repeat has the same body under the same id", async () => {
    const { streams, backend } = client();
    backend.answer("/sessions/s", 200, { messages: [], active_stream: null });
    void streams.startStream("s", { message: "", parts, trigger: "regenerate", replaces: "q", headers: { "x-one": "1" } });
    const first = await backend.stream();
    first.cut();
    const second = await backend.stream();
    assert.deepEqual(second.request.body, first.request.body);
    assert.equal(second.request.headers["x-one"], "1");
  });

  test("what cannot be sent is named at once", async () => {
    const { streams, backend } = client();
    const circular = {};
    circular.self = circular;
    for (const bad of [
      { metadata: circular }, { headers: { "b d": "x" } }, { trigger: "again" }, { parts: "text" }, { toolOutputs: [{}] }, { approvals: [7] }, { body: "x" },
    ]) {
      await assert.rejects(streams.startStream("s", { message: "m", ...bad }), { code: "INVALID_ARGUMENT" }, JSON.stringify(Object.keys(bad)));
    }
    assert.equal(backend.requests.length, 0);
  });

  test("a refusal keeps its code and is not tried again", async () => {
    for (const [status, code] of [[409, "TOOL_CALLS_PENDING"], [410, "MESSAGE_REPLACED"]]) {
      const { streams, backend } = client();
      backend.answer("/stream", status, { detail: { code, message: "no" } });
      const outcome = await streams.startStream("s", { message: "", trigger: "continue" });
      assert.deepEqual([outcome.kind, outcome.error.code, outcome.error.status, outcome.error.retryable], ["failed", code, status, false]);
      assert.equal(backend.requests.length, 1);
    }
  });
});

describe("onTurn", () => {
  test("a message that was taken is reported before its answer", async () => {
    const { streams, backend } = client();
    const received = [];
    streams.onTurn((session, turn) => received.push([session, turn]));
    const parts = [{ type: "text", text: "hi" }];
    void streams.startStream("s", { message: "hi", messageId: "m1", parts, metadata: 7 }, (chunk) => received.push(chunk.type));
    assert.deepEqual(received, []);
    const stream = await backend.stream();
    const finished = new Promise((done) => streams.onStreamComplete(done));
    stream.begin().finish();
    await finished;
    assert.deepEqual(received, [
      ["s", { messageId: "m1", text: "hi", trigger: "submit", parts, metadata: 7, from: "here" }], "stream_start", "stream_end",
    ]);
  });

  test("a callback that was removed receives nothing", async () => {
    const { streams, backend } = client();
    const received = [];
    streams.onTurn((session) => received.push(session))();
    const outcome = streams.startStream("s", "hi");
    (await backend.stream()).begin().finish();
    await outcome;
    assert.deepEqual(received, []);
  });
});

describe("loadSession", () => {
  const messages = [{ id: "m1", role: "user", content: "hi" }];

  test("returns what the backend stores, with the client's headers and base URLs", async () => {
    const { streams, backend } = client({ jsonBaseUrl: "/api/proxy/api/chat", headers: (why) => ({ "x-why": why }) });
    backend.answer("/sessions/s%2F1", 200, { id: "s/1", messages, active_stream: { task_id: "t1", message_id: "a1" } });
    assert.deepEqual(await streams.loadSession("s/1"), { messages, activeStream: { task_id: "t1", message_id: "a1" } });
    const [request] = backend.requests;
    assert.deepEqual([request.url, request.method, request.headers["x-why"]], ["/api/proxy/api/chat/sessions/s%2F1", "GET", "resume"]);
  });

  test("asks for other headers once when it is not allowed in", async () => {
    const { streams, backend } = client({ headers: (why) => ({ "x-why": why }) });
    backend.answer("/sessions/s", 401, { detail: { code: "UNAUTHORIZED", message: "who?" } });
    await assert.rejects(streams.loadSession("s"), { code: "UNAUTHORIZED", status: 401 });
    assert.deepEqual(backend.requests.map((request) => request.headers["x-why"]), ["resume", "unauthorized"]);
  });

  test("rejects with the backend's code, or says that it is no session", async () => {
    const { streams, backend } = client();
    backend.answer("/sessions/s", 404, { detail: { code: "SESSION_NOT_FOUND", message: "none" } });
    backend.answer("/sessions/other", 200, { hello: 1 });
    await assert.rejects(streams.loadSession("s"), (error) => error instanceof RejoinError && error.code === "SESSION_NOT_FOUND");
    await assert.rejects(streams.loadSession("other"), { code: "INVALID_RESPONSE" });
  });

  test("says what kept it from the backend", async () => {
    const { streams } = client({ fetch: () => Promise.reject(new TypeError("down")) });
    await assert.rejects(streams.loadSession("s"), { code: "NETWORK_ERROR", retryable: true, message: "down" });
  });

  test("ends when its signal is aborted, or the client is closed", async () => {
    const { streams, backend } = client();
    const controller = new AbortController();
    const loading = streams.loadSession("s", { signal: controller.signal });
    await backend.stream();
    controller.abort(new Error("enough"));
    await assert.rejects(loading, { message: "enough" });
    streams.close();
    await assert.rejects(streams.loadSession("s"), { code: "CLOSED" });
  });
});

describe("prepareRequest", () => {
  test("is asked for every request, after headers, and may change it", async () => {
    const asked = [];
    const { streams, backend } = client({
      headers: { "x-app": "1" },
      prepareRequest: async ({ kind, sessionId, taskId, cursor, url, init, body }) => {
        asked.push({ kind, sessionId, taskId, cursor, url, app: init.headers.get("x-app"), text: body?.message });
        if (kind === "send") return { url: "/v2/post", init: { ...init, body: JSON.stringify({ prompt: body.message }) } };
        init.headers.set("x-late", "1");
        return undefined;
      },
    });
    backend.answer("/cancel", 200, {});
    backend.answer("/sessions/s", 200, { messages: [], active_stream: null });
    const outcome = streams.startStream("s", "hi");
    const stream = await backend.stream();
    assert.deepEqual([stream.request.url, stream.request.body], ["/v2/post", { prompt: "hi" }]);
    stream.begin().text("a");
    await until(() => streams.getSnapshot("s").message !== null);
    stream.cut();
    const second = await backend.stream();
    assert.equal(second.request.headers["x-late"], "1");
    await streams.stopStream("s");
    await outcome;
    await streams.loadSession("s");
    const base = { app: "1", sessionId: "s" };
    assert.deepEqual(asked.map(({ url, ...rest }) => JSON.parse(JSON.stringify(rest))), [
      { kind: "send", ...base, text: "hi" },
      { kind: "join", ...base, taskId: "task-1", cursor: "3-0" },
      { kind: "cancel", ...base, taskId: "task-1" },
      { kind: "session", ...base },
    ]);
  });

  test("what it returns leaves the client's signal in force", async () => {
    const { streams, backend } = client({ prepareRequest: () => ({ init: { signal: null, credentials: "include" } }) });
    void streams.startStream("s", "hi");
    const stream = await backend.stream();
    stream.begin();
    await until(() => streams.getSnapshot("s").message !== null);
    assert.equal(stream.request.credentials, "include");
    streams.detachStream("s");
    assert.ok(stream.isCancelled);
  });

  test("where it throws, the request fails and may be tried again", async () => {
    const { streams, backend } = client({ prepareRequest: () => { throw new Error("no token"); } });
    const { kind, error } = await streams.startStream("s", "hi");
    assert.deepEqual([kind, error.code, error.message, error.retryable], ["failed", "PREPARE_FAILED", "no token", true]);
    await assert.rejects(streams.loadSession("s"), { code: "PREPARE_FAILED" });
    assert.equal(backend.requests.length, 0);
  });
});
