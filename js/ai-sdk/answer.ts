/** One answer as one stream: what its listener hears, handed out as it is read, and how it ends. */

import { DIFFERS, Given } from "./given.js";
import { RejoinError } from "../types/errors.js";
import type { ChunkWriter } from "./chunks.js";
import type { Fields } from "./shapes.js";
import type { StreamChunk, StreamListenerObject, StreamOutcome, StreamStatus } from "../types/index.js";

/** What an answer needs of its surroundings. */
export interface AnswerOptions {
  /** The parser may know `reset-step`, and holds nothing in its first step that is not of this answer. */
  canTakeBack: boolean;
  /** The reader lets go. */
  signal: AbortSignal | undefined;
  /** Called once, where the reader lets go before the end. */
  letGo: () => void;
}

/** What the reader gets when all chunks are read. */
type End = { kind: "closed" } | { kind: "failed"; error: unknown };

export class Answer {
  readonly stream: ReadableStream<Fields>;
  /** Whether there is an answer; rejects where it can't be had. */
  readonly hasBegun: Promise<boolean>;
  readonly #writer: ChunkWriter;
  readonly #options: AnswerOptions;
  readonly #given = new Given();
  #waiting: Fields[] = [];
  #end: End | undefined;
  /** What ends an answer was heard. */
  #isFinished = false;
  /** Whether the parser passed over a `reset-step`. */
  #wasPassedOver = (): boolean => false;
  #tell!: { begin: (hasBegun: boolean) => void; fail: (error: unknown) => void };
  /** Lets a pull go on. */
  #wake: () => void = () => {};

  constructor(writer: ChunkWriter, options: AnswerOptions) {
    this.#writer = writer;
    this.#options = options;
    this.hasBegun = new Promise((begin, fail) => void (this.#tell = { begin, fail }));
    this.hasBegun.catch(() => {});
    this.stream = new ReadableStream(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#letGo({ kind: "closed" }) },
      { highWaterMark: 0 },
    );
    options.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** What is given to the client. */
  readonly listener: StreamListenerObject = {
    onBatch: (chunks) => this.#take(chunks),
    onReset: () => this.#restart(),
    onStatus: (status: StreamStatus) => {
      if (status === "streaming") this.#tell.begin(true);
    },
  };

  /** The stream reached its outcome; null: there is none. */
  end(outcome: StreamOutcome | null): void {
    const isEmpty = this.#waiting.length === 0 && !this.#isFinished && this.#given.isEmpty;
    if (!outcome || (isEmpty && outcome.kind === "finished")) this.#tell.begin(false);
    const error = outcome && this.#errorOf(outcome);
    if (error) return this.fail(error);
    this.#give(this.#writer.end());
    if (outcome?.kind === "stopped" && !this.#isFinished) this.#give([{ type: "abort" }]);
    this.#tell.begin(true);
    this.#close({ kind: "closed" });
  }

  /** The reader hears of the error after the chunks that are there. */
  fail(error: unknown): void {
    this.#tell.fail(error);
    this.#close({ kind: "failed", error });
  }

  #take(chunks: readonly StreamChunk[]): void {
    if (this.#end) return;
    for (const chunk of chunks) {
      this.#isFinished ||= chunk.type === "stream_end" || chunk.type === "abort" || chunk.type === "error";
      this.#give(this.#writer.take(chunk));
    }
    this.#tell.begin(true);
    this.#wake();
  }

  #give(chunks: readonly Fields[]): void {
    for (const chunk of chunks) {
      if (this.#end) return;
      // A parser keeps nothing of a notice.
      const news = chunk["transient"] === true ? chunk : this.#compare(chunk);
      if (news === DIFFERS) return this.#giveUp();
      if (news) this.#waiting.push(news);
    }
  }

  /** What is new in a chunk. Where another answer begins, what is shown is taken back first, if that is possible. */
  #compare(chunk: Fields): Fields | undefined | typeof DIFFERS {
    const news = this.#given.take(chunk);
    if (news !== DIFFERS || !this.#options.canTakeBack || !this.#given.isOneStep) return news;
    this.#waiting.push({ type: "reset-step" }, ...this.#given.takeBack());
    return this.#given.take(chunk);
  }

  /** The stream starts over. */
  #restart(): void {
    if (this.#end) return;
    this.#isFinished = false;
    this.#writer.reset();
    this.#given.restart();
  }

  /** What was shown is void, and the AI SDK has no way to take it back but a resume. */
  #giveUp(): void {
    this.#letGo({ kind: "failed", error: startedOver() });
  }

  readonly #abort = (): void => {
    const error: unknown = this.#options.signal?.reason ?? abortError("The reader let go.");
    this.#tell.fail(error);
    this.#letGo({ kind: "failed", error });
  };

  #letGo(end: End): void {
    if (this.#end) return;
    this.#close(end);
    this.#options.letGo();
  }

  #close(end: End): void {
    this.#end ??= end;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#wake();
  }

  /** One chunk per call: what waits here is not lost when the stream fails, as what waits in a stream is. */
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
   * Parsers before 7.0.70 do not know `reset-step` and pass it over: they would show what is void beside what counts. One
   * that knows it reads the chunk's type once; one that does not reads it again, to see whether the chunk is a data part.
   * A parser asks for the next chunk when it is through with this one.
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
        return abortError("The stream was let go; its task goes on.");
      case "finished":
        return joined ? notSent() : this.#isWhole() ? undefined : cutShort();
      case "stopped":
        return undefined;
    }
  }

  /** Nothing was given, or all of it to the end. */
  #isWhole(): boolean {
    return (this.#isFinished && !this.#given.isBehind) || this.#given.isEmpty;
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
