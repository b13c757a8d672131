/** Presents one answer of the client as one `ReadableStream` of chunks for a parser of the AI SDK. */

import { DIFFERS, Delivered } from "./delivered.js";
import { RejoinError } from "../types/errors.js";
import type { ChunkWriter } from "./chunks.js";
import type { Fields } from "./shapes.js";
import type { StreamChunk, StreamListenerObject, StreamOutcome, StreamStatus } from "../types/index.js";

/** The options of an answer. */
export interface AnswerOptions {
  /** Whether the parser may know `reset-step`, and has nothing in its first step that is not of this answer. */
  canTakeBack: boolean;
  /** The signal by which the reader detaches. */
  signal: AbortSignal | undefined;
  /** Called once if the reader detaches before the end. */
  onDetach: () => void;
}

/** How the stream ends when the reader has read all chunks. */
type End = { kind: "closed" } | { kind: "failed"; error: unknown };

/** One answer. It delivers chunks as the reader asks for them. */
export class Answer {
  readonly stream: ReadableStream<Fields>;
  /** Resolves with whether there is an answer, and rejects if that cannot be found out. */
  readonly hasBegun: Promise<boolean>;
  readonly #writer: ChunkWriter;
  readonly #options: AnswerOptions;
  readonly #delivered = new Delivered();
  #waiting: Fields[] = [];
  #end: End | undefined;
  /** Whether a chunk has come that ends the answer. */
  #isFinished = false;
  /** Returns whether the parser has ignored a `reset-step`. */
  #wasPassedOver = (): boolean => false;
  /** Settles `hasBegun`. */
  #begun!: { resolve: (hasBegun: boolean) => void; reject: (error: unknown) => void };
  /** Continues a pull that waits for a chunk. */
  #wake: () => void = () => {};

  constructor(writer: ChunkWriter, options: AnswerOptions) {
    this.#writer = writer;
    this.#options = options;
    this.hasBegun = new Promise((resolve, reject) => void (this.#begun = { resolve, reject }));
    this.hasBegun.catch(() => {});
    this.stream = new ReadableStream(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#detach({ kind: "closed" }) },
      { highWaterMark: 0 },
    );
    options.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** The listener of the client's stream. */
  readonly listener: StreamListenerObject = {
    onBatch: (chunks) => this.#take(chunks),
    onReset: () => this.#restart(),
    onStatus: (status: StreamStatus) => {
      if (status === "streaming") this.#begun.resolve(true);
    },
  };

  /** Ends the answer with the outcome of the stream, or with null if there is none. */
  end(outcome: StreamOutcome | null): void {
    const isEmpty = this.#waiting.length === 0 && !this.#isFinished && this.#delivered.isEmpty;
    if (!outcome || (isEmpty && outcome.kind === "finished")) this.#begun.resolve(false);
    const error = outcome && this.#errorOf(outcome);
    if (error) return this.fail(error);
    this.#give(this.#writer.end());
    if (outcome?.kind === "stopped" && !this.#isFinished) this.#give([{ type: "abort" }]);
    this.#begun.resolve(true);
    this.#close({ kind: "closed" });
  }

  /** Ends the answer with an error, which the reader gets after the chunks that wait. */
  fail(error: unknown): void {
    this.#begun.reject(error);
    this.#close({ kind: "failed", error });
  }

  #take(chunks: readonly StreamChunk[]): void {
    if (this.#end) return;
    for (const chunk of chunks) {
      this.#isFinished ||= chunk.type === "stream_end" || chunk.type === "abort" || chunk.type === "error";
      this.#give(this.#writer.take(chunk));
    }
    this.#begun.resolve(true);
    this.#wake();
  }

  #give(chunks: readonly Fields[]): void {
    for (const chunk of chunks) {
      if (this.#end) return;
      // A parser keeps nothing of transient data, so it can come again without harm.
      const fresh = chunk["transient"] === true ? chunk : this.#compare(chunk);
      if (fresh === DIFFERS) return this.#giveUp();
      if (fresh) this.#waiting.push(fresh);
    }
  }

  /** Returns what is new in a chunk. Where the answer differs from the one that is shown, it takes that back if it can. */
  #compare(chunk: Fields): Fields | undefined | typeof DIFFERS {
    const fresh = this.#delivered.take(chunk);
    if (fresh !== DIFFERS || !this.#options.canTakeBack || !this.#delivered.isOneStep) return fresh;
    this.#waiting.push({ type: "reset-step" }, ...this.#delivered.takeBack());
    return this.#delivered.take(chunk);
  }

  /** Called when the stream starts over. */
  #restart(): void {
    if (this.#end) return;
    this.#isFinished = false;
    this.#writer.reset();
    this.#delivered.restart();
  }

  /** Fails the answer: what is shown is no longer valid, and only a resume can replace it. */
  #giveUp(): void {
    this.#detach({ kind: "failed", error: startedOver() });
  }

  readonly #abort = (): void => {
    const error: unknown = this.#options.signal?.reason ?? abortError("The reader has detached.");
    this.#begun.reject(error);
    this.#detach({ kind: "failed", error });
  };

  #detach(end: End): void {
    if (this.#end) return;
    this.#close(end);
    this.#options.onDetach();
  }

  #close(end: End): void {
    this.#end ??= end;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#wake();
  }

  /** Delivers one chunk per call. A stream that fails drops what it has queued itself, but not what waits here. */
  async #pull(controller: ReadableStreamDefaultController<Fields>): Promise<void> {
    if (this.#wasPassedOver()) {
      this.#giveUp();
      return controller.error(startedOver());
    }
    while (this.#waiting.length === 0 && !this.#end) await new Promise<void>((done) => void (this.#wake = done));
    const chunk = this.#waiting.shift();
    if (chunk?.["type"] === "reset-step") controller.enqueue(this.#resetStep());
    else if (chunk) controller.enqueue(chunk);
    else if (this.#end?.kind === "failed") controller.error(this.#end.error);
    else controller.close();
  }

  /**
   * Creates a `reset-step` that notices whether the parser knows it. Parsers before 7.0.70 ignore the chunk, and would show
   * void text beside the text that replaces it. A parser that knows the chunk reads its type once; one that does not reads it
   * again, to see whether it is a data part. A parser asks for the next chunk only after it has handled this one.
   */
  #resetStep(): Fields {
    let reads = 0;
    this.#wasPassedOver = () => reads > 1;
    return {
      get type() {
        reads++;
        return "reset-step";
      },
    };
  }

  #errorOf(outcome: StreamOutcome): unknown {
    const { kind, joined, error } = outcome;
    switch (kind) {
      case "failed":
        return error ?? new RejoinError("TASK_FAILED", "The answer failed.");
      case "expired":
        return error ?? new RejoinError("TASK_EXPIRED", "The answer's record is gone.");
      case "superseded":
        return abortError("The stream was detached. Its task goes on.");
      case "finished":
        return joined ? notSent() : this.#isWhole() ? undefined : cutShort();
      case "stopped":
        return undefined;
    }
  }

  /** Returns whether nothing was delivered, or everything up to the end. */
  #isWhole(): boolean {
    return (this.#isFinished && !this.#delivered.isBehind) || this.#delivered.isEmpty;
  }
}

function abortError(sentence: string): DOMException {
  return new DOMException(sentence, "AbortError");
}

function startedOver(): RejoinError {
  const sentence = "The stream started over with another answer than the one that is shown: resume it to show that one.";
  return new RejoinError("STREAM_RESET", sentence, { retryable: true });
}

function notSent(): RejoinError {
  const sentence = "The session was answering another message; that answer is shown, and the message was not sent.";
  return new RejoinError("TASK_RUNNING", sentence, { status: 409, retryable: true });
}

function cutShort(): RejoinError {
  const sentence = "The answer is complete on the server, and its stream is gone: load the session's messages.";
  return new RejoinError("STREAM_GONE", sentence, { retryable: true });
}
