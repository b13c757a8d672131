/** The options, events and errors of `createParser`. */

/** An event of an event stream (PROTOCOL §4). */
export interface EventSourceMessage {
  /** The `event` field, or `undefined` if it is missing or empty. */
  event?: string | undefined;
  /** The lines of the `data` fields, joined by LF. */
  data: string;
  /** The last id that this event or an earlier one set, or `undefined` if none did. */
  id?: string | undefined;
}

/** The kinds of errors that a parser reports. */
export type ParseErrorType = "unknown-field" | "invalid-retry" | "max-buffer-size-exceeded";

/**
 * The error that `onError` receives. After `max-buffer-size-exceeded` the parser takes nothing more until `reset()`; after the
 * others it goes on.
 */
export interface ParseErrorLike extends Error {
  type: ParseErrorType;
  /** The name of the unknown field. */
  field?: string | undefined;
  /** The value of the unknown field or of the invalid `retry`. */
  value?: string | undefined;
  /** The whole line with that field. */
  line?: string | undefined;
}

/**
 * The options of `createParser`. A callback may feed, end and reset the parser. What it throws comes out of `feed`; the parser
 * stays usable.
 */
export interface ParserOptions {
  /** Called for each complete event. */
  onEvent?: ((event: EventSourceMessage) => void) | undefined;
  /** Called at the blank line after a block with an `id` field, before `onEvent`. The block need not have data. */
  onId?: ((id: string) => void) | undefined;
  /** Called with the reconnection time that the server asks for, in milliseconds, at most 2³¹ − 1. */
  onRetry?: ((retry: number) => void) | undefined;
  /** Called with the text of each comment, without one leading space. */
  onComment?: ((comment: string) => void) | undefined;
  /** Called for each error. */
  onError?: ((error: ParseErrorLike) => void) | undefined;
  /** The largest size of the lines of one event, in bytes, including field names. The default is 16 MiB. */
  maxBufferSize?: number | undefined;
}

/** An event stream parser with the interface of eventsource-parser. */
export interface EventSourceParser {
  /**
   * Parses the next text or UTF-8 bytes, which may be cut anywhere.
   *
   * @throws {RejoinError} `PARSER_ENDED` after `end()`, `MAX_BUFFER_SIZE_EXCEEDED` after that error, until `reset()`
   */
  feed(chunk: string | Uint8Array): void;
  /** Ends the stream and discards a block without its blank line. */
  end(): void;
  /** Prepares the parser for another stream. With `consume` it first parses an unfinished line as if it had ended. */
  reset(options?: { consume?: boolean }): void;
}
