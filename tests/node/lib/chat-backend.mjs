// A backend of whole chats in memory, in the form of a `fetch`: PROTOCOL §1 with "A turn", and a log per task. The test writes
// the answers.

/** A task of a session: its log and its readers. */
class Task {
  log = [];
  status = "running";
  readers = new Set();

  constructor(id, session, message, messageId) {
    Object.assign(this, { id, session, message, messageId });
  }

  add(chunk) {
    this.log.push(chunk);
    for (const reader of this.readers) reader.send(this.log.length, chunk);
  }

  /** Adds a chunk of the answer, and stores its content in the message. */
  write(chunk) {
    this.add(chunk);
    const { parts } = this.message;
    const call = parts.find(({ toolCallId }) => toolCallId !== undefined && toolCallId === chunk.toolCallId);
    const asked = parts.find(({ approval }) => approval !== undefined && approval.id === chunk.approvalId);
    switch (chunk.type) {
      case "text-start":
        return void parts.push({ type: "text", text: "", state: "done" });
      case "text-delta":
        return void (parts.at(-1).text += chunk.delta);
      case "tool-input-available":
        return void parts.push({ type: `tool-${chunk.toolName}`, toolCallId: chunk.toolCallId, state: "input-available", input: chunk.input });
      case "tool-approval-request":
        return void Object.assign(call, { state: "approval-requested", approval: { id: chunk.approvalId } });
      case "tool-output-available":
        return void Object.assign(call, { state: "output-available", output: chunk.output });
      case "tool-output-error":
        return void Object.assign(call, { state: "output-error", errorText: chunk.errorText });
      case "tool-approval-response":
        return void Object.assign(asked, { state: "approval-responded", approval: { ...asked.approval, approved: chunk.approved } });
    }
  }

  /** Ends the task. Its answer is in the history at the same moment. */
  end(status, ...chunks) {
    if (this.status !== "running") return;
    this.status = status;
    this.session.task = null;
    if (!this.session.messages.includes(this.message)) this.session.messages.push(this.message);
    for (const chunk of chunks) this.add(chunk);
    for (const reader of this.readers) reader.done();
    this.readers.clear();
  }
}

/** The body of one response. */
class Reader {
  #controller;

  constructor(task, after, signal) {
    this.body = new ReadableStream({ start: (controller) => void (this.#controller = controller), cancel: () => void task.readers.delete(this) });
    signal?.addEventListener("abort", () => {
      task.readers.delete(this);
      this.cut();
    });
    task.log.forEach((chunk, place) => place >= after && this.send(place + 1, chunk));
    if (task.status === "running") task.readers.add(this);
    else this.done();
  }

  #try(act) {
    try {
      act();
    } catch {
      // The reader has detached.
    }
  }

  send(id, chunk) {
    this.#try(() => this.#controller.enqueue(new TextEncoder().encode(`id: ${id}-0\ndata: ${JSON.stringify(chunk)}\n\n`)));
  }

  done() {
    this.#try(() => this.#controller.enqueue(new TextEncoder().encode("data: [DONE]\n\n")));
    this.#try(() => this.#controller.close());
  }

  cut() {
    this.#try(() => this.#controller.error(new TypeError("network error")));
  }
}

export class ChatBackend {
  requests = [];
  sessions = new Map();
  #tasks = new Map();
  #waiting = [];
  /** The ids of messages that were removed by an edit or a cancel. */
  #gone = new Map();
  #count = 0;
  /** What happens to the next requests, in order: "refuse" (500), "lose" (before it arrives), "lose-answer" (after), or a Response. */
  faults = [];
  isDown = false;

  session(id = "s") {
    if (!this.sessions.has(id)) this.sessions.set(id, { id, messages: [], task: null, byMessage: new Map() });
    return this.sessions.get(id);
  }

  /** Returns the running task of a session. */
  task(id = "s") {
    return this.session(id).task;
  }

  /** Resolves with the next task that begins. */
  next() {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Writes a text into the running answer. */
  say(text, id = "s") {
    const task = this.task(id);
    if (!task.hasText) task.write({ type: "text-start", id: "0" });
    task.hasText = true;
    task.write({ type: "text-delta", id: "0", delta: text });
  }

  finish(id = "s") {
    this.task(id).end("completed", { type: "finish", finishReason: "stop" });
  }

  fail(id = "s") {
    this.task(id).end("failed", { type: "error", errorText: "The model failed.", code: "AGENT_FAILED" }, { type: "finish" });
  }

  /** Breaks all connections. */
  cut() {
    for (const task of this.#tasks.values()) {
      for (const reader of task.readers) reader.cut();
      task.readers.clear();
    }
  }

  /** Returns what a client should show: the texts of the history and of the running answer. */
  texts(id = "s") {
    const { messages, task } = this.session(id);
    const all = task && !messages.includes(task.message) ? [...messages, task.message] : messages;
    return all.map(({ role, parts }) => `${role}: ${parts.map((part) => part.text ?? "").join("")}`);
  }

  fetch = async (url, init = {}) => {
    const body = init.body && JSON.parse(init.body);
    const path = url.split("?")[0].replace(/^.*\/api\/chat/, "");
    this.requests.push({ method: init.method ?? "GET", path, url, body, headers: Object.fromEntries(new Headers(init.headers)) });
    await undefined;
    init.signal?.throwIfAborted();
    if (this.isDown) throw new TypeError("fetch failed");
    const fault = init.method === "POST" && path.endsWith("/stream") ? this.faults.shift() : undefined;
    if (fault instanceof Response) return fault;
    if (fault === "refuse") return refusal(500, "INTERNAL");
    if (fault === "lose") throw new TypeError("fetch failed");
    const answer = this.#answer(init.method ?? "GET", path, new URL(url, "http://x").searchParams, body, init.signal);
    if (fault === "lose-answer") throw new TypeError("fetch failed");
    return answer;
  };

  #answer(method, path, query, body, signal) {
    const [, kind, id, verb] = path.split("/");
    if (kind === "sessions" && method === "GET") return this.#show(id);
    if (kind === "sessions" && verb === "stream") return this.#post(this.session(id), body, signal);
    if (kind === "sessions" && verb === "cancel") return this.#cancelMessage(this.session(id), body);
    const task = this.#tasks.get(id);
    if (!task) return refusal(404, "TASK_NOT_FOUND");
    if (verb === "cancel") {
      task.end("cancelled", { type: "abort" }, { type: "finish" });
      return Response.json({ task_id: id, status: task.status });
    }
    if (verb === undefined) return Response.json({ task_id: id, session_id: task.session.id, status: task.status, tool_name: null, operation_id: null });
    const after = Number.parseInt(query.get("last_message_id") ?? "0", 10);
    if (task.status !== "running" && after >= task.log.length) return new Response(null, { status: 204 });
    return this.#stream(task, after, signal);
  }

  #show(id) {
    const { messages, task } = this.session(id);
    const stored = messages.map(({ id, role, parts, metadata }) => ({ id, role, content: parts.map((part) => part.text ?? "").join(""), parts, ...(metadata && { metadata }) }));
    const active = task && { task_id: task.id, last_message_id: "0-0", operation_id: "", tool_name: "chat", started_at: new Date(0).toISOString(), message_id: task.message.id };
    return Response.json(structuredClone({ id, messages: stored, active_stream: active }));
  }

  #post(session, body, signal) {
    const { message_id: messageId, trigger = "submit" } = body;
    if (this.#gone.has(messageId)) return refusal(410, this.#gone.get(messageId));
    const repeated = session.byMessage.get(messageId);
    if (repeated) return this.#stream(repeated, 0, signal);
    if (session.task) return refusal(409, "TASK_RUNNING", { task_id: session.task.id });
    const problem = this.#take(session, body, trigger);
    if (problem) return problem;
    const task = this.#begin(session, messageId, trigger === "continue" ? session.messages.at(-1) : undefined);
    for (const { tool_call_id: toolCallId, output, error_text: errorText } of body.tool_outputs ?? []) {
      task.write(errorText === undefined ? { type: "tool-output-available", toolCallId, output } : { type: "tool-output-error", toolCallId, errorText });
    }
    for (const { approval_id: approvalId, approved } of body.approvals ?? []) task.write({ type: "tool-approval-response", approvalId, approved });
    return this.#stream(task, 0, signal);
  }

  /** Changes the messages as the trigger requires. Returns a refusal if that is impossible. */
  #take(session, body, trigger) {
    const { messages } = session;
    const question = { id: body.message_id, role: "user", parts: body.parts ?? [{ type: "text", text: body.message }], ...(body.metadata && { metadata: body.metadata }) };
    if (trigger === "submit") return void messages.push(question);
    if (trigger === "continue") return this.#settle(messages.at(-1), body);
    const place = messages.findIndex(({ id }) => id === body.replaces);
    if (place < 0) return refusal(404, "MESSAGE_NOT_FOUND");
    const kept = trigger === "edit" ? place : messages.findLastIndex(({ role }, at) => at <= place && role === "user") + 1;
    for (const { id, role } of messages.splice(kept)) if (role === "user") this.#gone.set(id, "MESSAGE_REPLACED");
    if (trigger === "edit") messages.push(question);
    return undefined;
  }

  #settle(message, { tool_outputs: outputs = [], approvals = [] }) {
    const waiting = message?.parts.filter(({ state }) => state === "input-available" || state === "approval-requested") ?? [];
    const isSettled = ({ toolCallId, approval }) =>
      outputs.some(({ tool_call_id: id }) => id === toolCallId) || approvals.some(({ approval_id: id }) => id === approval?.id);
    return waiting.every(isSettled) ? undefined : refusal(409, "TOOL_CALLS_PENDING");
  }

  #begin(session, messageId, continued) {
    const number = ++this.#count;
    const message = continued ?? { id: `a-${number}`, role: "assistant", parts: [] };
    const task = new Task(`task-${number}`, session, message, messageId);
    this.#tasks.set(task.id, task);
    session.task = task;
    if (messageId) session.byMessage.set(messageId, task);
    task.add({ type: "start", messageId: message.id, taskId: task.id });
    this.#waiting.shift()?.(task);
    return task;
  }

  #cancelMessage(session, { message_id: messageId }) {
    const task = session.byMessage.get(messageId);
    if (!task) {
      this.#gone.set(messageId, "MESSAGE_CANCELLED");
      return Response.json({ task_id: null });
    }
    task.end("cancelled", { type: "abort" }, { type: "finish" });
    return Response.json({ task_id: task.id, status: task.status });
  }

  #stream(task, after, signal) {
    return new Response(new Reader(task, after, signal).body, { headers: { "content-type": "text/event-stream", "x-task-id": task.id } });
  }
}

function refusal(status, code, more = {}) {
  return Response.json({ detail: { code, message: code, ...more } }, { status });
}
