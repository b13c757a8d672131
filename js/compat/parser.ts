/**
 * Implements `createParser`, an event stream parser with the interface of eventsource-parser. The WebAssembly module parses
 * (`src/stream/sse/parser.rs`) and returns rows (`src/bindings/parser.rs`). This file calls the callbacks after that call.
 */

import { EventStream } from "../../pkg/rejoin.js";
import { ParserRow } from "../loader/generated.js";
import { RejoinError } from "../types/errors.js";
import type { EventSourceParser, ParseErrorLike, ParseErrorType, ParserOptions } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/**
 * The largest piece that crosses into the module at once, in UTF-16 code units or bytes. The memory of the module never
 * shrinks, so that large pieces would cost it for good.
 */
const PIECE = 64 * 1024;

const LARGEST_LIMIT = 2 ** 32 - 1;

/** The error that `onError` receives. */
export class ParseError extends Error implements ParseErrorLike {
  // The build shortens the names of classes, and consoles show that of an error.
  static override readonly name: string = "ParseError";

  /** The kind of error. After `max-buffer-size-exceeded` the parser takes nothing more until `reset()`. */
  readonly type: ParseErrorType;
  /** The name of the unknown field. */
  declare readonly field?: string;
  /** The value of the unknown field or of the invalid `retry`. */
  declare readonly value?: string;
  /** The whole line with that field. */
  declare readonly line?: string;

  constructor(message: string, facts: { type: ParseErrorType; field?: string; value?: string; line?: string }) {
    super(message);
    this.type = facts.type;
    if (facts.field !== undefined) this.field = facts.field;
    if (facts.value !== undefined) this.value = facts.value;
    if (facts.line !== undefined) this.line = facts.line;
  }
}

Object.defineProperty(ParseError.prototype, "name", { value: "ParseError", configurable: true, writable: true });

/**
 * Creates a parser (PROTOCOL §4).
 *
 * Callbacks run inside `feed`, in the order of the stream, and may call any method. What they feed is handled after the
 * callbacks that wait already; `reset` discards those. What a callback throws comes out of `feed`. The callbacks that wait then
 * are not lost: the next `feed` or `end` continues with them.
 *
 * @throws {RejoinError} `NOT_INITIALISED`
 */
export function createParser(options: ParserOptions): EventSourceParser {
  requireInit();
  if (typeof options !== "object" || options === null) {
    throw new TypeError("createParser takes an object of callbacks: createParser({ onEvent })");
  }
  const parser = new Parser(options);
  return {
    feed: (chunk) => parser.feed(chunk),
    end: () => parser.end(),
    reset: (how) => parser.reset(how),
  };
}

type State = "open" | "ended" | "overflown";

class Parser {
  readonly #options: ParserOptions;
  readonly #stream: EventStream;
  readonly #limit: number;
  #state: State = "open";
  #lastId: string | undefined;
  /** The first half of a surrogate pair at the end of the last text, until its other half follows. */
  #half = "";
  #calls: Array<() => void> = [];
  #isCalling = false;

  constructor(options: ParserOptions) {
    this.#options = options;
    this.#stream = new EventStream(limitOf(options.maxBufferSize));
    this.#limit = this.#stream.limit;
  }

  feed(chunk: string | Uint8Array): void {
    this.#requireOpen();
    if (typeof chunk === "string") this.#feedText(chunk);
    else if (chunk instanceof Uint8Array) this.#feedBytes(chunk);
    else throw new TypeError("A parser is fed strings or Uint8Arrays.");
    this.#call();
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#half = "";
    this.#stream.reset();
    this.#call();
  }

  reset(how?: { consume?: boolean }): void {
    this.#calls = [];
    if (how?.consume && this.#state === "open") {
      this.#feedHalf();
      this.#collect(this.#stream.resetConsuming());
    } else {
      this.#stream.reset();
    }
    this.#state = "open";
    this.#half = "";
    // Before the calls: a callback may throw, or feed what belongs to the next stream.
    this.#lastId = undefined;
    this.#call();
  }

  #requireOpen(): void {
    if (this.#state === "open") return;
    const [code, why] =
      this.#state === "ended"
        ? ["PARSER_ENDED", "the stream has ended"]
        : ["MAX_BUFFER_SIZE_EXCEEDED", `an event was larger than ${this.#limit} bytes`];
    throw new RejoinError(code, `Cannot feed the parser: ${why}. Call reset() first.`);
  }

  #feedText(text: string): void {
    const whole = this.#half + text;
    const end = isHighSurrogate(whole.charCodeAt(whole.length - 1)) ? whole.length - 1 : whole.length;
    this.#half = whole.slice(end);
    for (let at = 0; at < end; ) {
      const next = pieceEnd(whole, at, end);
      this.#collect(this.#stream.feedText(whole.slice(at, next)));
      at = next;
    }
  }

  #feedBytes(bytes: Uint8Array): void {
    this.#feedHalf();
    for (let at = 0; at < bytes.length; at += PIECE) {
      this.#collect(this.#stream.feed(bytes.subarray(at, at + PIECE)));
    }
  }

  /** Feeds a half that stays alone, which the encoder turns into U+FFFD. */
  #feedHalf(): void {
    if (this.#half !== "") this.#collect(this.#stream.feedText(this.#half));
    this.#half = "";
  }

  /** Turns rows into calls of callbacks. */
  #collect(rows: Uint32Array): void {
    if (rows.length === 0 || this.#state === "overflown") return;
    const text = this.#stream.text();
    let word = 0;
    let at = 0;
    const number = (): number => rows[word++] as number;
    const slice = (): string => text.slice(at, (at += number()));
    while (word < rows.length) this.#calls.push(this.#row(number(), slice, number));
  }

  #row(head: number, slice: () => string, number: () => number): () => void {
    switch (head) {
      case ParserRow.Event:
        return this.#event(slice(), slice());
      case ParserRow.Id:
        return this.#id(slice());
      case ParserRow.Retry:
        return this.#retry(number());
      case ParserRow.Comment:
        return this.#comment(slice());
      case ParserRow.UnknownField:
        return this.#error(unknownField(slice(), slice(), slice()));
      case ParserRow.InvalidRetry:
        return this.#error(invalidRetry(slice(), slice()));
      default:
        this.#state = "overflown";
        return this.#error(tooLarge(this.#limit));
    }
  }

  #event(event: string, data: string): () => void {
    return () => this.#options.onEvent?.({ event: event === "" ? undefined : event, data, id: this.#lastId });
  }

  #id(id: string): () => void {
    return () => {
      this.#lastId = id;
      this.#options.onId?.(id);
    };
  }

  #retry(ms: number): () => void {
    return () => this.#options.onRetry?.(ms);
  }

  #comment(text: string): () => void {
    return () => this.#options.onComment?.(text);
  }

  #error(error: ParseError): () => void {
    return () => this.#options.onError?.(error);
  }

  /** Runs the calls that wait. Inside of a callback it does nothing, because the outer call continues with them. */
  #call(): void {
    if (this.#isCalling) return;
    this.#isCalling = true;
    let made = 0;
    let calls = this.#calls;
    try {
      while (made < this.#calls.length) {
        (this.#calls[made++] as () => void)();
        if (calls !== this.#calls) {
          calls = this.#calls;
          made = 0;
        }
      }
    } finally {
      this.#isCalling = false;
      calls.splice(0, made);
    }
  }
}

function limitOf(size: number | undefined): number | undefined {
  if (size === undefined || size === null) return undefined;
  if (typeof size !== "number" || Number.isNaN(size) || size < 0) {
    throw new RangeError("maxBufferSize should be a number of bytes.");
  }
  return Math.min(Math.floor(size), LARGEST_LIMIT);
}

/** Returns the end of the next piece, which is never between the halves of a surrogate pair. */
function pieceEnd(text: string, at: number, end: number): number {
  const next = at + PIECE;
  if (next >= end) return end;
  return isHighSurrogate(text.charCodeAt(next - 1)) ? next - 1 : next;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function unknownField(field: string, value: string, line: string): ParseError {
  const shown = field.length > 20 ? `${field.slice(0, 20)}…` : field;
  return new ParseError(`Unknown field "${shown}"`, { type: "unknown-field", field, value, line });
}

function invalidRetry(value: string, line: string): ParseError {
  return new ParseError(`Invalid \`retry\` value: "${value}"`, { type: "invalid-retry", value, line });
}

function tooLarge(limit: number): ParseError {
  return new ParseError(`An event exceeded the limit of ${limit} bytes`, { type: "max-buffer-size-exceeded" });
}
