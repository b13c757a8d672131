/** The options, events and errors of `createParser`. */

/** An event of an event stream (PROTOCOL §4). */
export interface EventSourceMessage {
  /** Its `event` field; `undefined` where there is none or it is empty. */
  event?: string | undefined;
  /** Its data, several lines joined by LF. */
  data: string;
  /** The last id in force, kept until changed; `undefined` where there is none. */
  id?: string | undefined;
}

/** What a parser met. */
export type ParseErrorType = "unknown-field" | "invalid-retry" | "max-buffer-size-exceeded";

/** Told to `onError`. `max-buffer-size-exceeded` is terminal until `reset()`; the others end nothing. */
export interface ParseErrorLike extends Error {
  type: ParseErrorType;
  /** The name of an unknown field. */
  field?: string | undefined;
  /** The value of an unknown field, or of an invalid `retry`. */
  value?: string | undefined;
  /** The whole line. */
  line?: string | undefined;
}

/** Options of `createParser`. Callbacks may feed, end and reset; one that throws stops `feed`, not the parser. */
export interface ParserOptions {
  /** An event is complete. */
  onEvent?: ((event: EventSourceMessage) => void) | undefined;
  /** At the blank line of a block with an `id` field, before `onEvent`, also where the block has no data. */
  onId?: ((id: string) => void) | undefined;
  /** The server wishes this reconnection time, in ms, clamped. */
  onRetry?: ((retry: number) => void) | undefined;
  /** A comment, without one leading space. */
  onComment?: ((comment: string) => void) | undefined;
  /** See `ParseErrorLike`. */
  onError?: ((error: ParseErrorLike) => void) | undefined;
  /** Most bytes of one event's lines, field names included. 16 MiB where not given. */
  maxBufferSize?: number | undefined;
}

/** An event stream parser in the shape of eventsource-parser. */
export interface EventSourceParser {
  /** Takes text or UTF-8 bytes, split anywhere. Throws after `end()` or `max-buffer-size-exceeded`, until `reset()`. */
  feed(chunk: string | Uint8Array): void;
  /** The stream is over; a block without its blank line is discarded. */
  end(): void;
  /** Starts over. `consume`: a line that is not ended yet is taken as ended first, so that callbacks hear of it. */
  reset(options?: { consume?: boolean }): void;
}
