/** Implements the async iterator over the chunks of one stream (`chunks()`). */

import { RejoinError } from "../../types/errors.js";
import type { StreamChunk, StreamOutcome } from "../../types/index.js";

type Result = IteratorResult<StreamChunk, StreamOutcome | undefined>;

/** A `next()` that waits for a chunk. */
interface Waiting {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps the chunks that the app has not read yet, which may be all of them if it is slower than the stream. */
export class ChunkIterator implements AsyncIterableIterator<StreamChunk, StreamOutcome | undefined> {
  #chunks: StreamChunk[] = [];
  #waiting: Waiting[] = [];
  #outcome: StreamOutcome | undefined;
  #isOver = false;
  readonly #leave: () => void;

  /** @param leave called once, when the iterator is closed */
  constructor(leave: () => void) {
    this.#leave = leave;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Adds the next chunk of the stream. */
  take(chunk: StreamChunk): void {
    if (this.#isOver) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value: chunk });
    else this.#chunks.push(chunk);
  }

  /** Ends the iteration. Without an outcome, because its signal was aborted, unread chunks are dropped. */
  end(outcome?: StreamOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outcome = outcome;
    if (!outcome) this.#chunks = [];
    this.#leave();
    for (const waiting of this.#waiting.splice(0)) this.#finish(waiting);
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      const chunk = this.#chunks.shift();
      if (chunk) resolve({ done: false, value: chunk });
      else if (this.#isOver) this.#finish({ resolve, reject });
      else this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<Result> {
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Settles a `next()` after the end. An error is thrown once; after that the iterator is done. */
  #finish({ resolve, reject }: Waiting): void {
    const outcome = this.#outcome;
    if (outcome?.kind !== "failed" && outcome?.kind !== "expired") return resolve({ done: true, value: outcome });
    this.#outcome = undefined;
    reject(outcome.error ?? new RejoinError("TASK_EXPIRED", "The answer is no longer kept by the server."));
  }
}
