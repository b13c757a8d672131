// One task of the test backend. Its log grows at its own pace, with or without readers.

/**
 * @typedef {object} Keeping
 * @property {number} keepEntries The log holds its newest entries up to this number.
 * @property {number} completeAfterMs The time from the last chunk until the task counts as completed.
 */

export class Task {
  status = "running";
  startedAt = new Date().toISOString();
  #log = [];
  /** The number of entries that the log no longer has. */
  #dropped = 0;
  #readers = new Set();
  #timers = new Set();
  #keeping;

  /** @param {{ id: string, sessionId: string, toolName: string, operationId: string | null }} about @param {Keeping} keeping */
  constructor(about, keeping) {
    Object.assign(this, about);
    this.#keeping = keeping;
  }

  get runs() {
    return this.status === "running";
  }

  view() {
    const { id, sessionId, status, toolName, operationId, startedAt } = this;
    return { task_id: id, session_id: sessionId, status, tool_name: toolName, operation_id: operationId, created_at: startedAt };
  }

  stop() {
    this.#timers.forEach(clearTimeout);
  }

  /**
   * Writes entries at a pace, then ends the task. `wrote` is called for each one, `ended` at the end.
   *
   * @param {import("./answer.mjs").Entry[]} entries
   */
  write(entries, { paceMs, status = "completed", wrote, ended }) {
    const rest = [...entries];
    const next = () => {
      for (const entry of paceMs > 0 ? rest.splice(0, 1) : rest.splice(0)) {
        this.#append(entry.chunk);
        wrote(entry);
      }
      if (rest.length > 0) return this.#after(paceMs, next);
      this.#readers.forEach((take) => take(undefined));
      this.#after(this.#keeping.completeAfterMs, () => {
        this.status = status;
        ended();
      });
    };
    next();
  }

  /**
   * Calls `take(chunk, id)` for each event behind a place, and `take(undefined)` at the end. A log that has ended already yields
   * a second end, as for a reader that finds the task completed.
   */
  read(place, take) {
    const from = Math.max(place, this.#dropped);
    this.#log.slice(from - this.#dropped).forEach((chunk, nth) => take(chunk, from + nth + 1));
    if (isEnd(this.#log.at(-1))) {
      take({ type: "finish" });
      take(undefined);
      return () => {};
    }
    this.#readers.add(take);
    return () => this.#readers.delete(take);
  }

  #append(chunk) {
    this.#log.push(chunk);
    const id = this.#dropped + this.#log.length;
    if (this.#log.length > this.#keeping.keepEntries) {
      this.#log.shift();
      this.#dropped += 1;
    }
    this.#readers.forEach((take) => take(chunk, id));
  }

  #after(ms, act) {
    if (ms === 0) return act();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

function isEnd(chunk) {
  return chunk?.type === "finish" || chunk?.type === "stream_end" || chunk?.type === "error";
}
