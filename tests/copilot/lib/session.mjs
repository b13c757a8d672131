// One session of the test backend: its stored messages and its tasks.

const BARE = { name: null, tool_call_id: null, refusal: null, tool_calls: null, function_call: null };

/**
 * @typedef {object} Keeping
 * @property {"bare" | "dated"} messageFields Whether messages have `id`, `sequence` and `created_at`.
 * @property {"step" | "answer"} messagePer Whether each step of an answer is a message, or the whole answer.
 * @property {"hidden" | "stored"} inProgress Whether the answer in progress is left out where it is the last message.
 * @property {number} saveMs How often the answer in progress is stored.
 */

export class Session {
  id = crypto.randomUUID();
  createdAt = new Date().toISOString();
  updatedAt = this.createdAt;
  /** The tasks in the order in which they began. @type {import("./task.mjs").Task[]} */
  tasks = [];
  #messages = [];
  #keeping;

  /** @param {Keeping} keeping */
  constructor(keeping) {
    this.#keeping = keeping;
  }

  get running() {
    return this.tasks.findLast(({ runs }) => runs);
  }

  store(message) {
    this.updatedAt = new Date().toISOString();
    const fields = this.#keeping.messageFields === "dated" ? { id: `m${this.#messages.length}`, sequence: this.#messages.length, created_at: this.updatedAt } : BARE;
    this.#messages.push({ ...fields, ...message });
    return this.#messages.at(-1);
  }

  /** Replaces the message that says that an operation runs with its result. */
  settle(callId, result) {
    const pending = this.#messages.find((message) => message.tool_call_id === callId);
    if (pending) pending.content = JSON.stringify(result);
  }

  summary() {
    const { id, createdAt, updatedAt, running } = this;
    return { id, created_at: createdAt, updated_at: updatedAt, title: this.#messages[0]?.content ?? null, is_processing: running !== undefined };
  }

  view() {
    const { id, createdAt, updatedAt, running } = this;
    const active = running ? { task_id: running.id, last_message_id: "0-0", operation_id: running.operationId, tool_name: running.toolName, started_at: running.startedAt } : null;
    return { id, created_at: createdAt, updated_at: updatedAt, user_id: null, messages: this.#shown(), active_stream: active };
  }

  #shown() {
    const isLeftOut = this.#keeping.inProgress === "hidden" && this.running && this.#messages.at(-1)?.role === "assistant" && this.running.toolName === "chat";
    return isLeftOut ? this.#messages.slice(0, -1) : this.#messages;
  }

  /** Returns a writer that stores an answer as its chunks are written. */
  writer() {
    return this.#keeping.messagePer === "answer" ? new AnswerWriter(this) : new StepWriter(this, this.#keeping.saveMs);
  }
}

/** Stores each step as a message, and the current one from time to time. */
class StepWriter {
  #session;
  #saveMs;
  #text = "";
  #inProgress;
  #savedAt = performance.now();

  constructor(session, saveMs) {
    this.#session = session;
    this.#saveMs = saveMs;
  }

  take({ text = "", stores }) {
    this.#text += text;
    if (text !== "" && performance.now() - this.#savedAt >= this.#saveMs) this.#save({ role: "assistant", content: this.#text });
    if (stores?.role === "tool") this.#session.store(stores);
    if (stores?.role === "assistant") {
      this.#save({ ...stores, content: this.#text });
      this.#text = "";
      this.#inProgress = undefined;
    }
  }

  finish() {}

  #save(message) {
    this.#savedAt = performance.now();
    if (this.#inProgress) Object.assign(this.#inProgress, message);
    else this.#inProgress = this.#session.store(message);
  }
}

/** Stores the answer as one message when the task ends. A failed answer is not stored. */
class AnswerWriter {
  #session;
  #text = "";
  #stored = [];

  constructor(session) {
    this.#session = session;
  }

  take({ text = "", stores }) {
    this.#text += text;
    if (stores) this.#stored.push(stores);
  }

  finish(status) {
    if (status === "failed") return;
    const calls = this.#stored.flatMap(({ tool_calls: calls }) => calls ?? []);
    this.#session.store({ role: "assistant", content: this.#text, ...(calls.length > 0 && { tool_calls: calls }) });
    for (const message of this.#stored) if (message.role === "tool") this.#session.store(message);
  }
}
