/**
 * Implements `createStreamEventDispatcher`, which passes chunks to the handlers of an app. The rules that choose the handlers
 * are in `src/compat/dispatch.rs`. This file replaces ids by numbers for them, and calls the handlers after the call into the
 * module.
 */

import { DispatchRules, kindOfType } from "../../pkg/rejoin.js";
import { CallFlag, ChunkFlag, Handler, Kind } from "../loader/generated.js";
import { RejoinError } from "../types/errors.js";
import { memoise } from "./memo.js";
import { Numbers } from "./numbers.js";
import { report } from "../types/report.js";
import { startedOperation } from "../message/tool-result.js";
import type { StreamChunk, StreamEventDispatcher, StreamEventHandlers } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/** For each kind of chunk that concerns a task, a block or a call, the field with its id. */
const NAMES: Partial<Record<Kind, string>> = {
  [Kind.Start]: "taskId",
  [Kind.Text]: "blockId",
  [Kind.TextEnded]: "blockId",
  [Kind.ToolStart]: "tool_id",
  [Kind.ToolResponse]: "tool_id",
};

const HANDLERS: Record<Handler, keyof StreamEventHandlers> = {
  [Handler.StreamStart]: "onStreamStart",
  [Handler.TextChunk]: "onTextChunk",
  [Handler.TextEnded]: "onTextEnded",
  [Handler.ToolCallStart]: "onToolCallStart",
  [Handler.ToolCallUpdate]: "onToolCallUpdate",
  [Handler.ToolResponse]: "onToolResponse",
  [Handler.LoginNeeded]: "onLoginNeeded",
  [Handler.CredentialsNeeded]: "onCredentialsNeeded",
  [Handler.Usage]: "onUsage",
  [Handler.Error]: "onError",
  [Handler.StreamEnd]: "onStreamEnd",
  [Handler.Other]: "onOther",
};

/** The number of ids that a dispatcher keeps before it checks which of them it still needs. */
const NAMES_AT_FIRST = 256;

type Fields = StreamChunk & Record<string, unknown>;

const kindOf = memoise(kindOfType) as (type: string) => Kind;

/**
 * Creates a function that takes one chunk or several and calls the handlers, with the guarantees of API.md. It looks up the
 * handlers at each call. A handler may dispatch chunks, which are handled after those that wait already.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function createStreamEventDispatcher(handlers: StreamEventHandlers): StreamEventDispatcher {
  requireInit();
  if (typeof handlers !== "object" || handlers === null) {
    throw new RejoinError("INVALID_ARGUMENT", "createStreamEventDispatcher takes an object of handlers.");
  }
  const dispatcher = new Dispatcher(handlers);
  return (chunk) => dispatcher.dispatch(chunk);
}

class Dispatcher {
  readonly #rules = new DispatchRules();
  readonly #handlers: StreamEventHandlers;
  readonly #waiting: StreamChunk[][] = [];
  #isRunning = false;
  #names = new Numbers<unknown>();
  /** The number of ids at which it checks which of them it still needs. */
  #most = NAMES_AT_FIRST;

  constructor(handlers: StreamEventHandlers) {
    this.#handlers = handlers;
  }

  dispatch(chunk: StreamChunk | readonly StreamChunk[]): void {
    this.#waiting.push((Array.isArray(chunk) ? chunk : [chunk]).filter(isChunk));
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let batch = this.#waiting.shift(); batch; batch = this.#waiting.shift()) this.#run(batch);
    } finally {
      this.#isRunning = false;
    }
  }

  #run(chunks: StreamChunk[]): void {
    const calls = this.#rules.take(this.#reduce(chunks));
    const names = this.#names;
    if (names.values.length > this.#most) this.#compact();
    for (let at = 0; at < calls.length; at += 3) {
      const head = calls[at] as number;
      const chunk = chunks[calls[at + 1] as number] as StreamChunk;
      if (head & CallFlag.Made) this.#call(head ^ CallFlag.Made, made(head ^ CallFlag.Made, chunk, names.values[calls[at + 2] as number]));
      else this.#call(head, chunk);
    }
  }

  /** Forgets the ids that the rules no longer compare. */
  #compact(): void {
    const { values } = this.#names;
    this.#names = new Numbers();
    for (const number of this.#rules.compact()) this.#names.of(values[number]);
    this.#most = Math.max(NAMES_AT_FIRST, 2 * this.#names.values.length);
  }

  #reduce(chunks: StreamChunk[]): Uint32Array {
    const words = new Uint32Array(3 * chunks.length);
    let at = 0;
    for (const chunk of chunks as Fields[]) {
      const kind = kindOf(chunk.type);
      const name = NAMES[kind];
      const operation = kind === Kind.ToolResponse ? startedOperation(chunk["result"]) : undefined;
      words[at++] = operation || (kind === Kind.ToolResponse && chunk["preliminary"] === true) ? kind | ChunkFlag.Interim : kind;
      words[at++] = name === undefined ? 0 : this.#names.of(chunk[name] ?? undefined);
      words[at++] = operation ? this.#names.of(operation["task_id"] || undefined) : 0;
    }
    return words;
  }

  #call(handler: number, chunk: StreamChunk): void {
    const name = HANDLERS[handler as Handler];
    try {
      (this.#handlers as Record<string, ((chunk: StreamChunk) => void) | undefined>)[name]?.(chunk);
    } catch (error) {
      report(error);
    }
  }
}

function isChunk(chunk: unknown): chunk is StreamChunk {
  return typeof chunk === "object" && chunk !== null && typeof (chunk as Fields).type === "string";
}

/** Creates a chunk that the stream lacks, with the event id of the chunk that shows that it is missing. */
function made(handler: number, cause: StreamChunk, id: unknown): StreamChunk {
  const chunk = bare(handler, id);
  if (cause.eventId !== undefined) chunk.eventId = cause.eventId;
  if (cause.replayed) chunk.replayed = true;
  return chunk;
}

function bare(handler: number, id: unknown): StreamChunk {
  if (handler === Handler.StreamStart) return { type: "stream_start", taskId: id as string };
  if (handler === Handler.TextEnded) return id === undefined ? { type: "text_ended" } : { type: "text_ended", blockId: id as string };
  return { type: "stream_end" };
}
