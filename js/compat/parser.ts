/**
 * `createParser`: the event stream parser of the package in the shape of eventsource-parser. The module frames
 * (src/sse/parser.rs) and gives rows (src/bindings/parser.rs); callbacks are called here, when its call is over.
 */

import { EventStream } from "../../pkg/rejoin.js";
import { ParserRow } from "../loader/constants.js";
import { RejoinError } from "../types/errors.js";
import type { EventSourceParser, ParseErrorLike, ParseErrorType, ParserOptions } from "../types/index.js";
import { requireInit } from "../loader/wasm.js";

/** Crossing in pieces keeps the module's memory small: it never shrinks. In UTF-16 code units, or bytes. */
const PIECE = 64 * 1024;

const LARGEST_LIMIT = 2 ** 32 - 1;

/** What `onError` hears. */
export class ParseError extends Error implements ParseErrorLike {
  /** What was met; `max-buffer-size-exceeded` is terminal until `reset()`. */
  readonly type: ParseErrorType;
  /** The name of an unknown field. */
  declare readonly field?: string;
  /** The value of an unknown field, or of an invalid `retry`. */
  declare readonly value?: string;
  /** The whole line. */
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
 * Makes a parser (PROTOCOL §4).
 *
 * Callbacks run inside `feed`, in the order of the stream, and may call any method: what they feed comes after what
 * waits already; a `reset` discards that. What a callback throws comes out of `feed`; what waits is not lost, the next
 * `feed` or `end` goes on with it.
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
  /** The first half of a surrogate pair whose other half is to come. */
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

  /** A half that stays alone is U+FFFD, as in any encoder. */
  #feedHalf(): void {
    if (this.#half !== "") this.#collect(this.#stream.feedText(this.#half));
    this.#half = "";
  }

  /** Turns rows into calls to make. */
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

  /** Makes the calls that wait. From inside a callback it makes none: the outer call goes on with them. */
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

/** Never between the halves of a surrogate pair. */
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
