// A backend that behaves as CoPilot's does (PROTOCOL §7). Each habit of it is an option, so that a test can take a version
// that is tidier, or less so. `tidy` is the base part of PROTOCOL alone, without these habits.
//
// `node tests/copilot/backend.mjs [port]` runs it alone.

import { existsSync, readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import { answerTo, operationAnswer } from "./lib/answer.mjs";
import { Local } from "./lib/local.mjs";
import { Session } from "./lib/session.mjs";
import { Task } from "./lib/task.mjs";

const BASE = "/api/chat";
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
const STREAM_HEADERS = { "content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no" };

/**
 * @typedef {object} Options
 * @property {1 | 2} starts How many `start` chunks open an answer; the second has no task.
 * @property {boolean} ids Whether events have ids.
 * @property {number} sendCommentMs Between two comments in the response to a POST.
 * @property {number} joinCommentMs Between two comments in the response to a join.
 * @property {number} completeAfterMs From the `finish` until the task counts as completed.
 * @property {number} keepEntries The length of a log, of which the newest entries are kept.
 * @property {number} keepMs How long an ended task's log is kept.
 * @property {"ignored" | "honoured"} cursors What becomes of `last_message_id`.
 * @property {"second-task" | "refuse"} whileRunning What a message does while a task runs.
 * @property {"bare" | "dated"} messageFields Whether messages have `id`, `sequence` and `created_at`.
 * @property {"step" | "answer"} messagePer Whether each step of an answer is a message, or the whole answer.
 * @property {"hidden" | "stored"} inProgress Whether the answer in progress is left out where it is the last message.
 * @property {number} saveMs How often the answer in progress is stored.
 * @property {"in-front" | "left-out"} pageContext What becomes of the page's context.
 * @property {"text" | "value"} toolOutput Whether a tool's output is JSON text.
 * @property {"text" | "code"} errors The shape of `detail`.
 * @property {"backend" | "proxy"} missing Who answers for what is not there: a proxy's answer is no JSON.
 * @property {string | undefined} jsonBase The base of the endpoints that answer JSON, if it is another one.
 * @property {string} files The folder of the files that are served beside the endpoints.
 */

/** @type {Options} */
const COPILOT = {
  starts: 2, ids: false, sendCommentMs: 30_000, joinCommentMs: 15_000, completeAfterMs: 30, keepEntries: 10_000, keepMs: Infinity, cursors: "honoured",
  whileRunning: "second-task", messageFields: "bare", messagePer: "step", inProgress: "hidden", saveMs: 1_000, pageContext: "in-front", toolOutput: "text",
  errors: "text", missing: "backend", jsonBase: undefined, files: resolve(import.meta.dirname, "../../www/dist"),
};

/** @type {Partial<Options>} */
export const tidy = {
  starts: 1, sendCommentMs: 15_000, completeAfterMs: 0, cursors: "ignored", whileRunning: "refuse", messageFields: "dated", messagePer: "answer",
  pageContext: "left-out", toolOutput: "value", errors: "code",
};

export class CopilotBackend extends Local {
  #options;
  #sessions = new Map();
  #tasks = new Map();
  #operations = new Map();
  #ids = 0;

  /** @param {Partial<Options>} options */
  constructor(options = {}) {
    super((request, response) => void this.#handle(request, response));
    this.#options = { ...COPILOT, ...options };
  }

  async stop() {
    for (const task of this.#tasks.values()) task.stop();
    await super.stop();
  }

  async #handle(request, response) {
    const url = new URL(request.url, "http://backend");
    const { jsonBase = BASE, files } = this.#options;
    const base = [jsonBase, BASE].find((one) => url.pathname.startsWith(`${one}/`));
    if (!base) return serveFile(response, files, url.pathname);
    const [folder, id, more] = url.pathname.slice(base.length + 1).split("/").map(decodeURIComponent);
    const isStream = more === "stream";
    if (isStream && base !== BASE) return notFromHere(response, 502);
    if (!isStream && base !== jsonBase) return notFromHere(response, 404);
    const route = `${request.method} ${folder}${id === undefined ? "" : "/*"}${more === undefined ? "" : `/${more}`}`;
    return this.#answer(response, { route, id, url, body: await text(request) });
  }

  #answer(response, { route, id, url, body }) {
    switch (route) {
      case "POST sessions":
        return json(response, 201, this.#createSession());
      case "GET sessions":
        return json(response, 200, this.#listSessions());
      case "GET sessions/*":
        return this.#with(response, this.#sessions, id, "SESSION_NOT_FOUND", (session) => json(response, 200, session.view()));
      case "POST sessions/*/stream":
        return this.#with(response, this.#sessions, id, "SESSION_NOT_FOUND", (session) => this.#send(response, session, JSON.parse(body)));
      case "GET tasks/*":
        return this.#with(response, this.#tasks, id, "TASK_NOT_FOUND", (task) => json(response, 200, task.view()));
      case "GET tasks/*/stream":
        return this.#with(response, this.#tasks, id, "TASK_NOT_FOUND", (task) => this.#join(response, task, url.searchParams.get("last_message_id")));
      case "POST operations/*/complete":
        return this.#with(response, this.#operations, id, "OPERATION_NOT_FOUND", (operation) => json(response, 200, this.#complete(operation, JSON.parse(body))));
      case "GET health":
        return json(response, 200, { status: "healthy", service: "base", version: "0", store: "memory" });
      case "GET config/*":
        return json(response, 200, { stream_ttl_seconds: 3600, stream_ttl_ms: 3_600_000 });
      default:
        return json(response, 404, { detail: "Not Found" });
    }
  }

  #createSession() {
    const session = new Session(this.#options);
    this.#sessions.set(session.id, session);
    return { id: session.id, created_at: session.createdAt, user_id: null };
  }

  #listSessions() {
    const sessions = [...this.#sessions.values()].map((session) => session.summary()).reverse();
    return { sessions, total: sessions.length };
  }

  #with(response, all, id, code, use) {
    const found = all.get(id);
    if (found) return use(found);
    return this.#options.missing === "proxy" ? notFromHere(response, 404) : this.#refuse(response, 404, code);
  }

  #refuse(response, status, code, more = {}) {
    json(response, status, { detail: this.#options.errors === "text" ? code : { code, message: code, ...more } });
  }

  #send(response, session, { message, is_user_message: isUser = true, context }) {
    if (session.running && this.#options.whileRunning === "refuse") return this.#refuse(response, 409, "TASK_RUNNING", { task_id: session.running.id });
    const stored = context && this.#options.pageContext === "in-front" ? `[Page: ${context.url}]\n${context.content}\n\n${message}` : message;
    session.store({ role: isUser ? "user" : "assistant", content: stored });
    const task = this.#begin(session, { id: this.#id("task"), toolName: "chat", operationId: null });
    this.#stream(response, task, 0, this.#options.sendCommentMs);
    this.#writeAnswer(session, task, message);
  }

  #writeAnswer(session, task, message) {
    const { entries, paceMs, code } = answerTo(message, this.#form());
    const messageId = this.#id("message");
    const starts = [{ type: "start", messageId, taskId: task.id }, { type: "start", messageId, taskId: null }].slice(0, this.#options.starts);
    this.#write(session, task, [...starts.map((chunk) => ({ chunk })), ...entries], { paceMs, status: code ? "failed" : "completed" });
  }

  #begin(session, about) {
    const task = new Task({ ...about, sessionId: session.id }, this.#options);
    session.tasks.push(task);
    this.#tasks.set(task.id, task);
    return task;
  }

  #write(session, task, entries, { paceMs, status }) {
    const writer = session.writer();
    task.write(entries, {
      paceMs,
      status,
      wrote: (entry) => {
        writer.take(entry);
        if (entry.begins) this.#beginOperation(session, entry.begins);
      },
      ended: () => {
        writer.finish(status);
        if (this.#options.keepMs !== Infinity) setTimeout(() => this.#tasks.delete(task.id), this.#options.keepMs).unref();
      },
    });
  }

  #beginOperation(session, { operationId, taskId, toolName, callId }) {
    const task = this.#begin(session, { id: taskId, toolName, operationId });
    this.#operations.set(operationId, { session, task, callId, toolName, isComplete: false });
  }

  /** Takes the result that the webhook receives. A repeat changes nothing. */
  #complete(operation, { result = { type: "done" } }) {
    const { session, task, callId } = operation;
    if (!operation.isComplete) {
      operation.isComplete = true;
      session.settle(callId, result);
      this.#write(session, task, operationAnswer(operation, result, this.#form()), { paceMs: 5, status: "completed" });
    }
    return { status: "ok", task_id: task.id };
  }

  #join(response, task, cursor) {
    const place = this.#options.cursors === "honoured" ? Number(cursor?.split("-")[0] ?? 0) : 0;
    this.#stream(response, task, place, this.#options.joinCommentMs);
  }

  #stream(response, task, place, commentMs) {
    response.writeHead(200, STREAM_HEADERS);
    response.flushHeaders();
    const comments = setInterval(() => response.write(": heartbeat\n\n"), commentMs);
    const leave = task.read(place, (chunk, id) => {
      if (chunk === undefined) return response.end("data: [DONE]\n\n");
      response.write(`${this.#options.ids && id !== undefined ? `id: ${id}-0\n` : ""}data: ${JSON.stringify(chunk)}\n\n`);
    });
    response.on("close", () => {
      clearInterval(comments);
      leave();
    });
  }

  #form() {
    return { toolOutput: this.#options.toolOutput, id: (what) => this.#id(what) };
  }

  #id(what) {
    return `${what}-${(this.#ids += 1)}`;
  }
}

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Answers as a proxy does that has no route for the path. */
function notFromHere(response, status) {
  response.writeHead(status, { "content-type": "text/html" });
  response.end("<html><body>There is nothing here.</body></html>");
}

async function text(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

function serveFile(response, folder, path) {
  const file = join(folder, path.endsWith("/") ? `${path}index.html` : path);
  if (!file.startsWith(folder) || !existsSync(file)) return json(response, 404, { detail: "Not Found" });
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  response.end(readFileSync(file));
}

if (process.argv[1] === import.meta.filename) {
  const backend = await new CopilotBackend().up(Number(process.argv[2] ?? 0));
  console.log(`listening on ${backend.url}`);
}
