// The test backend has the habits of PROTOCOL §7, and each of them can be switched off.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CopilotBackend, tidy } from "./backend.mjs";

const backends = [];
after(() => Promise.all(backends.map((backend) => backend.stop())));

async function up(options) {
  const backend = await new CopilotBackend(options).up();
  backends.push(backend);
  return new Visitor(backend.url);
}

/** Sends requests to the backend as a page does. */
class Visitor {
  constructor(url) {
    this.base = `${url}/api/chat`;
    this.other = `${url}/api/proxy/api/chat`;
  }

  async session() {
    return (await (await this.post("/sessions", {})).json()).id;
  }

  async messages(session) {
    return (await (await fetch(`${this.base}/sessions/${session}`)).json()).messages;
  }

  async active(session) {
    return (await (await fetch(`${this.base}/sessions/${session}`)).json()).active_stream;
  }

  post(path, body) {
    return fetch(this.base + path, { method: "POST", body: JSON.stringify(body) });
  }

  async send(session, message, more) {
    return chunksOf(await (await this.post(`/sessions/${session}/stream`, { message, ...more })).text());
  }

  async join(task) {
    return chunksOf(await (await fetch(`${this.base}/tasks/${task}/stream?last_message_id=0-0`)).text());
  }

  /** Resolves when no task of the session runs. */
  async ended(session) {
    while (await this.active(session)) await new Promise((done) => setImmediate(done));
  }
}

/** Resolves once the body contains this text. */
async function arrived(response, text) {
  let body = "";
  for await (const bytes of response.body) {
    body += Buffer.from(bytes);
    if (body.includes(text)) return;
  }
  assert.fail(`${text} never came`);
}

function chunksOf(stream) {
  assert.ok(stream.endsWith("data: [DONE]\n\n"));
  return [...stream.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json));
}

const typesOf = (chunks) => chunks.map(({ type }) => type);

test("two starts open an answer, the second without a task; one finish ends it, and a second one a late join", async () => {
  const visitor = await up();
  const chunks = await visitor.send(await visitor.session(), "hi /tokens 2");
  const [first, second] = chunks;
  assert.deepEqual([second.type, second.messageId, second.taskId], ["start", first.messageId, null]);
  assert.deepEqual(typesOf(chunks), ["start", "start", "text-start", "text-delta", "text-delta", "text-end", "finish"]);
  assert.deepEqual(typesOf(await visitor.join(first.taskId)), [...typesOf(chunks), "finish"]);
});

test("a finish comes before the task counts as completed", async () => {
  const visitor = await up({ completeAfterMs: 200 });
  const session = await visitor.session();
  await visitor.send(session, "hi");
  assert.equal((await visitor.active(session)).tool_name, "chat");
  assert.deepEqual((await visitor.messages(session)).map(({ role }) => role), ["user"]);
  await visitor.ended(session);
  assert.deepEqual((await visitor.messages(session)).map(({ role }) => role), ["user", "assistant"]);
});

test("events have no ids, and where they have, a cursor is one of them", async () => {
  const text = async (options) => {
    const visitor = await up(options);
    return (await visitor.post(`/sessions/${await visitor.session()}/stream`, { message: "hi" })).text();
  };
  assert.doesNotMatch(await text({}), /^id:/m);
  const whole = await text({ ids: true });
  assert.match(whole, /^id: 1-0\ndata: /);
  const visitor = new Visitor(backends.at(-1).url);
  const [, task] = /"taskId":"([^"]+)"/.exec(whole);
  const rest = await (await fetch(`${visitor.base}/tasks/${task}/stream?last_message_id=5-0`)).text();
  assert.equal(rest.split("\n\n")[0], whole.split("\n\n")[5]);
});

test("silence is broken by comments", async () => {
  const visitor = await up({ sendCommentMs: 5 });
  const response = await visitor.post(`/sessions/${await visitor.session()}/stream`, { message: "hi /tokens 3 /pace 50" });
  assert.match(await response.text(), /^: heartbeat\n\n/m);
});

test("a log keeps its newest entries, and a replay begins in the middle", async () => {
  const visitor = await up({ keepEntries: 3 });
  const [{ taskId }] = await visitor.send(await visitor.session(), "hi /tokens 9");
  assert.deepEqual(typesOf(await visitor.join(taskId)), ["text-delta", "text-end", "finish", "finish"]);
});

test("a second message starts a second task, and a tidy backend refuses it", async () => {
  const slow = "hi /tokens 50 /pace 10";
  const visitor = await up();
  const session = await visitor.session();
  const first = await visitor.post(`/sessions/${session}/stream`, { message: slow });
  const [{ taskId }] = await visitor.send(session, "and?");
  assert.ok(taskId);
  assert.equal((await visitor.messages(session)).filter(({ role }) => role === "user").length, 2);
  await first.body.cancel();
  const other = await up(tidy);
  const their = await other.session();
  await (await other.post(`/sessions/${their}/stream`, { message: slow })).body.cancel();
  assert.equal((await other.post(`/sessions/${their}/stream`, { message: "and?" })).status, 409);
});

test("messages have neither ids nor dates, and the page's context precedes the text", async () => {
  const visitor = await up();
  const session = await visitor.session();
  await visitor.send(session, "hi", { context: { url: "/library", content: "Agents" } });
  const [message] = await visitor.messages(session);
  assert.deepEqual(Object.keys(message).sort(), ["content", "function_call", "name", "refusal", "role", "tool_call_id", "tool_calls"]);
  assert.equal(message.content, "[Page: /library]\nAgents\n\nhi");
});

test("the answer in progress is stored, and left out where it is the last message, or not at all", async () => {
  for (const [inProgress, roles] of [["hidden", ["user"]], ["stored", ["user", "assistant"]]]) {
    const visitor = await up({ inProgress, saveMs: 0 });
    const session = await visitor.session();
    const response = await visitor.post(`/sessions/${session}/stream`, { message: "hi /tokens 90 /pace 10" });
    await arrived(response, "text-delta");
    assert.deepEqual((await visitor.messages(session)).map(({ role }) => role), roles);
  }
});

test("a tool's output is JSON text, and its name is not sent with it", async () => {
  const visitor = await up();
  const chunks = await visitor.send(await visitor.session(), "hi /tokens 2 /tool search /tokens 2");
  const output = chunks.find(({ type }) => type === "tool-output-available");
  assert.deepEqual([JSON.parse(output.output).found, "toolName" in output], [2, false]);
});

test("an operation is a task of its own, which begins with its result", async () => {
  const visitor = await up();
  const session = await visitor.session();
  const chunks = await visitor.send(session, "hi /operation build /tokens 3");
  const { output, toolCallId } = chunks.find(({ type }) => type === "tool-output-available");
  const { type, operation_id, task_id } = JSON.parse(output);
  assert.deepEqual([type, chunks.at(-1).type], ["operation_started", "finish"]);
  while ((await visitor.active(session)).task_id !== task_id) await new Promise((done) => setImmediate(done));
  const { operation_id: active, tool_name } = await visitor.active(session);
  assert.deepEqual([active, tool_name], [operation_id, "build"]);
  const pending = (await visitor.messages(session)).find(({ role }) => role === "tool");
  assert.equal(JSON.parse(pending.content).type, "operation_pending");
  const joined = visitor.join(task_id);
  await visitor.post(`/operations/${operation_id}/complete`, { success: true, result: { done: true } });
  const own = await joined;
  assert.deepEqual(typesOf(own).slice(0, 3), ["tool-output-available", "start", "text-start"]);
  assert.deepEqual([own[0].toolCallId, own[0].output, own[1].taskId, own.at(-1).type], [toolCallId, '{"done":true}', null, "finish"]);
  await visitor.ended(session);
  assert.deepEqual((await visitor.messages(session)).map(({ role, content }) => (role === "tool" ? content : role)), ["user", "assistant", '{"done":true}', "assistant", "assistant"]);
});

test("errors are a text or a code, and a proxy's 404 is no JSON", async () => {
  const detail = async (options) => (await (await fetch(`${(await up(options)).base}/sessions/none`)).json()).detail;
  assert.equal(await detail({}), "SESSION_NOT_FOUND");
  assert.equal((await detail({ errors: "code" })).code, "SESSION_NOT_FOUND");
  const visitor = await up({ missing: "proxy" });
  const { status, headers } = await fetch(`${visitor.base}/sessions/none`);
  assert.deepEqual([status, headers.get("content-type")], [404, "text/html"]);
});

test("JSON and streams have bases of their own, and the base of JSON passes nothing else", async () => {
  const visitor = await up({ jsonBase: "/api/proxy/api/chat" });
  assert.equal((await fetch(`${visitor.base}/sessions`)).status, 404);
  const { sessions } = await (await fetch(`${visitor.other}/sessions`)).json();
  assert.deepEqual(sessions, []);
  assert.equal((await fetch(`${visitor.other}/tasks/any/stream`)).status, 502);
});
