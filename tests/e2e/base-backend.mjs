// A backend that does only the base part of PROTOCOL, as a CoPilot-style one does: no event ids, no announced heartbeat,
// no `message_id`, no `x-task-id`, no cancel, no `compact`. A join is replayed from the start; a cursor, where the backend
// knows them, is one of its own that the client is never told.
//
// `node tests/e2e/base-backend.mjs [port]` runs it alone.

import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve } from "node:path";

const www = resolve(import.meta.dirname, "../../www/dist");
const BASE = "/api/chat";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
const STREAM_HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" };

/**
 * @typedef {object} Options
 * @property {number} [heartbeatMs] Between two unannounced comments.
 * @property {"ignored" | "honoured"} [cursors] What becomes of `last_message_id`.
 * @property {number} [keepMs] How long an ended task's stream is kept. @default for ever
 */

export class BaseBackend {
  #options;
  #server;
  #sessions = new Map();
  #tasks = new Map();
  #count = 0;

  /** @param {Options} options */
  constructor(options = {}) {
    this.#options = { heartbeatMs: 15_000, cursors: "ignored", keepMs: Infinity, ...options };
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async up(port = 0) {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  async stop() {
    for (const task of this.#tasks.values()) task.stop();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #handle(request, response) {
    const url = new URL(request.url, "http://base");
    if (!url.pathname.startsWith(BASE)) return serveFile(response, url.pathname);
    const [folder, id, more] = url.pathname.slice(BASE.length + 1).split("/").map(decodeURIComponent);
    const body = await text(request);
    switch (`${request.method} ${folder}${id === undefined ? "" : "/*"}${more === undefined ? "" : `/${more}`}`) {
      case "POST sessions":
        return json(response, 201, this.#createSession());
      case "GET sessions":
        return json(response, 200, this.#listSessions());
      case "GET sessions/*":
        return this.#withSession(response, id, (session) => json(response, 200, this.#view(session)));
      case "POST sessions/*/stream":
        return this.#withSession(response, id, (session) => this.#send(response, session, body));
      case "GET tasks/*":
        return this.#withTask(response, id, (task) => json(response, 200, task.view()));
      case "GET tasks/*/stream":
        return this.#withTask(response, id, (task) => this.#stream(response, task, url.searchParams.get("last_message_id")));
      case "GET health":
        return json(response, 200, { status: "healthy", service: "base", version: "0", store: "memory" });
      case "GET config/*":
        return json(response, 200, { stream_ttl_seconds: 3600, stream_ttl_ms: 3_600_000 });
      default:
        return json(response, 404, { detail: "Not Found" });
    }
  }

  #createSession() {
    const id = `session-${(this.#count += 1)}`;
    const session = { id, created_at: now(), user_id: null, messages: [], task: undefined };
    this.#sessions.set(id, session);
    return { id, created_at: session.created_at, user_id: null };
  }

  #listSessions() {
    const sessions = [...this.#sessions.values()].map(({ id, created_at, messages, task }) => ({
      id, created_at, updated_at: messages.at(-1)?.created_at ?? created_at, title: messages[0]?.content ?? null, is_processing: task?.runs ?? false,
    }));
    return { sessions: sessions.reverse(), total: sessions.length };
  }

  #view({ id, created_at, messages, task }) {
    const active = task?.runs ? { task_id: task.id, last_message_id: "0-0", operation_id: null, tool_name: null, started_at: task.startedAt } : null;
    return { id, created_at, updated_at: messages.at(-1)?.created_at ?? created_at, user_id: null, messages, active_stream: active };
  }

  #withSession(response, id, use) {
    const session = this.#sessions.get(id);
    return session ? use(session) : refuse(response, 404, "SESSION_NOT_FOUND");
  }

  #withTask(response, id, use) {
    const task = this.#tasks.get(id);
    return task ? use(task) : refuse(response, 404, "TASK_NOT_FOUND");
  }

  #send(response, session, body) {
    const { message } = JSON.parse(body);
    if (session.task?.runs) return refuse(response, 409, "TASK_RUNNING", { task_id: session.task.id });
    const store = (fields) => session.messages.push({ id: (this.#count += 1), sequence: session.messages.length, created_at: now(), ...fields });
    store({ role: "user", content: message });
    const task = new Task(`task-${(this.#count += 1)}`, session.id, message, (messages) => {
      messages.forEach(store);
      if (this.#options.keepMs !== Infinity) setTimeout(() => this.#tasks.delete(task.id), this.#options.keepMs).unref();
    });
    session.task = task;
    this.#tasks.set(task.id, task);
    this.#stream(response, task);
  }

  #stream(response, task, cursor) {
    const honoured = this.#options.cursors === "honoured" ? cursor : undefined;
    response.writeHead(200, STREAM_HEADERS);
    response.flushHeaders();
    const heartbeat = setInterval(() => response.write(": heartbeat\n\n"), this.#options.heartbeatMs);
    const leave = task.read(after(honoured), (frame) => {
      if (frame === undefined) return response.end("data: [DONE]\n\n");
      response.write(`data: ${JSON.stringify(frame)}\n\n`);
    });
    response.on("close", () => {
      clearInterval(heartbeat);
      leave();
    });
  }
}

/** One answer: its frames come at their pace, whether anyone reads them or not. */
class Task {
  startedAt = now();
  #frames = [];
  #readers = new Set();
  #timer;
  #script;
  #ended;

  constructor(id, sessionId, message, ended) {
    this.id = id;
    this.sessionId = sessionId;
    this.#ended = ended;
    const { frames, messages, paceMs } = answerTo(message, id);
    this.#script = { rest: frames, messages, paceMs };
    this.#go();
  }

  get runs() {
    return this.#script.rest.length > 0;
  }

  view() {
    return { task_id: this.id, session_id: this.sessionId, status: this.runs ? "running" : "completed", tool_name: null, operation_id: null, created_at: this.startedAt };
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Gives the frames from a place on, and `undefined` at their end. */
  read(from, take) {
    this.#frames.slice(from).forEach((frame) => take(frame));
    if (!this.runs) take(undefined);
    this.#readers.add(take);
    return () => this.#readers.delete(take);
  }

  #go() {
    const { rest, messages, paceMs } = this.#script;
    for (const frame of paceMs > 0 ? rest.splice(0, 1) : rest.splice(0)) {
      this.#frames.push(frame);
      for (const take of this.#readers) take(frame);
    }
    if (rest.length > 0) return void (this.#timer = setTimeout(() => this.#go(), paceMs));
    this.#ended(messages);
    for (const take of this.#readers) take(undefined);
  }
}

/**
 * The answer to a message, always the same for the same one. `/tokens N`, `/pace MS` between two of them, `/legacy` for the
 * other dialect, `/tool NAME`, `/error CODE`, `/extras` for sources, files and usage.
 */
function answerTo(message, task) {
  const option = (name) => new RegExp(`/${name} (\\S+)`).exec(message)?.[1];
  const dialect = message.includes("/legacy") ? legacy : current;
  const tool = option("tool");
  // Equal pieces one after the other, and characters of one to four bytes: what a careless client doubles or breaks.
  const tokens = Array.from({ length: Number(option("tokens") ?? 20) }, (_, nth) => ["ha ", "ha ", `é${nth} `, "👩‍🚀 ", "\n", "data: "][nth % 6]);
  const code = option("error");
  const calls = tool ? [{ id: "call-1", type: "function", function: { name: tool, arguments: '{"q":"x"}' } }] : undefined;
  const messages = [{ role: "assistant", content: tokens.join(""), ...(calls && { tool_calls: calls }) }];
  if (tool) messages.push({ role: "tool", tool_call_id: "call-1", name: tool, content: '{"found":2}' });
  const frames = [{ type: "start", messageId: `answer-${task}`, taskId: task }, ...dialect.tool(tool), ...dialect.text(tokens), ...(message.includes("/extras") ? EXTRAS : []), ...dialect.end(code)];
  return { frames, messages: code ? [] : messages, paceMs: Number(option("pace") ?? 0) };
}

const EXTRAS = [
  { type: "source-url", sourceId: "s1", url: "https://html.spec.whatwg.org/multipage/", title: "HTML Standard" },
  { type: "source-url", sourceId: "s2", url: "javascript:alert(1)", title: "No link" },
  { type: "source-document", sourceId: "s3", mediaType: "application/pdf", title: "Annual report" },
  { type: "file", url: "data:text/plain,hello", mediaType: "text/plain" },
  { type: "usage", promptTokens: 1200, completionTokens: 34, totalTokens: 1234 },
];

const current = {
  text: (tokens) => [{ type: "text-start", id: "0" }, ...tokens.map((delta) => ({ type: "text-delta", id: "0", delta })), { type: "text-end", id: "0" }],
  tool: (toolName) =>
    toolName
      ? [
          { type: "tool-input-start", toolCallId: "call-1", toolName },
          { type: "tool-input-available", toolCallId: "call-1", toolName, input: { q: "x" } },
          { type: "tool-output-available", toolCallId: "call-1", output: { found: 2 } },
        ]
      : [],
  end: (code) => (code ? [{ type: "error", errorText: "It went wrong.", code }] : [{ type: "finish" }]),
};

const legacy = {
  text: (tokens) => [...tokens.map((content) => ({ type: "text_chunk", content })), { type: "text_ended" }],
  tool: (tool_name) =>
    tool_name
      ? [
          { type: "tool_call_start", tool_id: "call-1", tool_name, arguments: { q: "x" } },
          { type: "tool_response", tool_id: "call-1", tool_name, result: { found: 2 }, success: true },
        ]
      : [],
  end: (code) => (code ? [{ type: "error", message: "It went wrong.", code }] : [{ type: "stream_end" }]),
};

/** The place in the log that a cursor means: entry n is `n-0`, which no client is ever told. */
function after(cursor) {
  return cursor ? Number(cursor.split("-")[0]) : 0;
}

function now() {
  return new Date().toISOString();
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function refuse(response, status, code, more = {}) {
  json(response, status, { detail: { code, message: code, ...more } });
}

async function text(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** The demo, where it is built. */
function serveFile(response, path) {
  const file = join(www, path === "/" ? "index.html" : path);
  if (!file.startsWith(www) || !existsSync(file)) return json(response, 404, { detail: "Not Found" });
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  response.end(readFileSync(file));
}

if (process.argv[1] === import.meta.filename) {
  const backend = await new BaseBackend().up(Number(process.argv[2] ?? 0));
  console.log(`listening on ${backend.url}`);
}
