/** The chunks of one stream as an async iterator (`chunks()`). */

import { RejoinError } from "../../types/errors.js";
import type { StreamChunk, StreamOutcome } from "../../types/index.js";

type Result = IteratorResult<StreamChunk, StreamOutcome | undefined>;

/** A `next()` that waits for a chunk. */
interface Waiting {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps the chunks that nobody has read yet: as many as the answer has, where its reader is slower than the stream. */
export class ChunkIterator implements AsyncIterableIterator<StreamChunk, StreamOutcome | undefined> {
  /** Whether the stream has begun that it gives. Until then it waits for the next one. */
  isReading: boolean;
  #chunks: StreamChunk[] = [];
  #waiting: Waiting[] = [];
  #outcome: StreamOutcome | undefined;
  #isOver = false;
  readonly #leave: (iterator: ChunkIterator) => void;

  /** `leave` is called once, when nothing more is wanted. */
  constructor(isReading: boolean, leave: (iterator: ChunkIterator) => void) {
    this.isReading = isReading;
    this.#leave = leave;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Takes the next chunk of the stream. */
  take(chunk: StreamChunk): void {
    if (this.#isOver) return;
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve({ done: false, value: chunk });
    else this.#chunks.push(chunk);
  }

  /** No chunk follows. Without an outcome, because its signal was aborted, the loop ends after the chunk it has. */
  end(outcome?: StreamOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outcome = outcome;
    if (!outcome) this.#chunks = [];
    this.#leave(this);
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

  /** An error is thrown once; after that the iterator is at its end. */
  #finish({ resolve, reject }: Waiting): void {
    const outcome = this.#outcome;
    if (outcome?.kind !== "failed" && outcome?.kind !== "expired") return resolve({ done: true, value: outcome });
    this.#outcome = undefined;
    reject(outcome.error ?? new RejoinError("TASK_EXPIRED", "The answer is no longer kept by the server."));
  }
}
