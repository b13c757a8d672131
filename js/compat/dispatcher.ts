/**
 * `createStreamEventDispatcher`: hands chunks to the handlers of an app. Which handler hears of what is decided in
 * src/dispatch.rs; here ids become numbers, and handlers are called when the module's call is over.
 */

import { DispatchRules, kindOfType } from "../../pkg/rejoin.js";
import { RejoinError } from "../types/errors.js";
import { memoise } from "./memo.js";
import { report } from "../types/report.js";
import { startedOperation } from "../message/tool-result.js";
import type { StreamChunk, StreamEventDispatcher, StreamEventHandlers } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

// The numbers of `Kind` in src/dispatch.rs. The kinds before these have no name.
const NAMES = ["taskId", "blockId", "blockId", "tool_id", "tool_id"] as const;
const TOOL_RESPONSE = 4;

/** By the numbers of `Handler` in src/dispatch.rs. */
const HANDLERS = [
  "onStreamStart",
  "onTextChunk",
  "onTextEnded",
  "onToolCallStart",
  "onToolCallUpdate",
  "onToolResponse",
  "onLoginNeeded",
  "onCredentialsNeeded",
  "onUsage",
  "onError",
  "onStreamEnd",
  "onOther",
] as const;
const STREAM_START = 0;
const TEXT_ENDED = 2;

const INTERIM = 0x100;
const MADE = 0x100;

/** Ids known by a number, before it is looked which of them are still needed. */
const NAMES_AT_FIRST = 256;

type Fields = StreamChunk & Record<string, unknown>;

const kindOf = memoise(kindOfType);

/**
 * Makes a function that takes chunks, one or a batch, and calls the handlers with the guarantees of API.md. Handlers
 * are looked up at each call and may dispatch: what they dispatch comes after what waits already.
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
  #names = new Names();

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
    if (this.#names.isFull) this.#names = this.#names.keep(this.#rules.compact());
    for (let at = 0; at < calls.length; at += 3) {
      const head = calls[at] as number;
      const chunk = chunks[calls[at + 1] as number] as StreamChunk;
      if (head & MADE) this.#call(head ^ MADE, made(head ^ MADE, chunk, names.id(calls[at + 2] as number)));
      else this.#call(head, chunk);
    }
  }

  #reduce(chunks: StreamChunk[]): Uint32Array {
    const words = new Uint32Array(3 * chunks.length);
    let at = 0;
    for (const chunk of chunks as Fields[]) {
      const kind = kindOf(chunk.type);
      const name = NAMES[kind];
      const operation = kind === TOOL_RESPONSE ? startedOperation(chunk["result"]) : undefined;
      words[at++] = operation || (kind === TOOL_RESPONSE && chunk["preliminary"] === true) ? kind | INTERIM : kind;
      words[at++] = name === undefined ? 0 : this.#names.number(chunk[name]);
      words[at++] = operation ? this.#names.number(operation["task_id"] || undefined) : 0;
    }
    return words;
  }

  #call(handler: number, chunk: StreamChunk): void {
    const name = HANDLERS[handler] as (typeof HANDLERS)[number];
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

/** A chunk that did not come by itself, at the place in the stream of the one that made it due. */
function made(handler: number, cause: StreamChunk, id: unknown): StreamChunk {
  const chunk = bare(handler, id);
  if (cause.eventId !== undefined) chunk.eventId = cause.eventId;
  if (cause.replayed) chunk.replayed = true;
  return chunk;
}

function bare(handler: number, id: unknown): StreamChunk {
  if (handler === STREAM_START) return { type: "stream_start", taskId: id as string };
  if (handler === TEXT_ENDED) return id === undefined ? { type: "text_ended" } : { type: "text_ended", blockId: id as string };
  return { type: "stream_end" };
}

/** Ids and their numbers, counted from 1; 0 is no id. */
class Names {
  readonly #ids: unknown[] = [undefined];
  readonly #numbers = new Map<unknown, number>([
    [undefined, 0],
    [null, 0],
  ]);
  readonly #most: number;

  constructor(ids: unknown[] = []) {
    for (const id of ids) this.number(id);
    this.#most = Math.max(NAMES_AT_FIRST, 2 * this.#ids.length);
  }

  get isFull(): boolean {
    return this.#ids.length > this.#most;
  }

  number(id: unknown): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    this.#numbers.set(id, this.#ids.length);
    return this.#ids.push(id) - 1;
  }

  id(number: number): unknown {
    return this.#ids[number];
  }

  keep(numbers: Uint32Array): Names {
    return new Names(Array.from(numbers, (number) => this.#ids[number]));
  }
}
