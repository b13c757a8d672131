/** A session's stream: its status, snapshot and outcome, who listens, and the task that is saved. Times are milliseconds. */

import type { StreamChunk } from "./chunks.js";
import type { RejoinError } from "./errors.js";
import type { UIMessage } from "./messages.js";

/** What a session's stream is doing. After an outcome: `completed` (finished), `stopped`, `error` (failed, expired), `idle` (superseded). */
export type StreamStatus =
  | "idle"
  | "connecting"
  | "streaming"
  | "stalled"
  | "reconnecting"
  | "completed"
  | "stopped"
  | "error";

/** How a stream ended. */
export interface StreamOutcome {
  /**
   * `finished`: a real end was seen. `stopped`: cancelled, or `abort`. `failed`: an `error` chunk, or no way to go on;
   * `error` says why. `expired`: the task's record is gone and the session has no answer. `superseded`: let go by
   * `detachStream`, `close`, or another stream of the session; the task goes on.
   */
  kind: "finished" | "stopped" | "failed" | "expired" | "superseded";
  /** The task, where known. */
  taskId?: string;
  /** Why the model stopped, where the end told it. */
  finishReason?: string;
  /** The session's task of another message was joined (409); the message itself was not sent. */
  joined?: true;
  /** With `failed`, and where known with `expired`. */
  error?: RejoinError;
}

/** What a session's stream shows. The same object until something changed. */
export interface StreamSnapshot {
  sessionId: string;
  status: StreamStatus;
  /** The task, once known. */
  taskId?: string;
  /** The answer so far; null before its first chunk. */
  message: UIMessage | null;
  /** After `error`. */
  error?: RejoinError;
  /** Tries in a row without progress; 0 while all is well. */
  attempt: number;
  /** When the next try is due, in ms since the Unix epoch, while reconnecting. */
  retryAt?: number;
  /** Whether this tab holds the connection, or follows one that does. */
  role: "owner" | "follower";
  /** Tokens, as last told. */
  usage?: StreamUsage;
}

/** Tokens used. */
export interface StreamUsage {
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
}

/** Counters since the client was made. */
export interface StreamMetrics {
  /** Bytes of stream bodies. */
  bytes: number;
  /** Events that were framed. */
  events: number;
  /** Chunks that were handed out. */
  chunks: number;
  /** Events that were known already, and dropped. */
  duplicates: number;
  /** Frames that are no chunk (see `onMalformed`). */
  malformed: number;
  /** Chunks of an unknown type. */
  unknown: number;
  /** Streams that were opened again. */
  reconnects: number;
  /** Times that a stream started over. */
  resets: number;
  /** Saved records that were dropped: corrupt, of another version or session, or out of date. */
  droppedRecords: number;
}

/** The saved record of a task that runs. Holds ids and times, never content. */
export interface ActiveTask {
  taskId: string;
  sessionId: string;
  /** The long-running operation, or empty. */
  operationId: string;
  /** Its tool, or empty. */
  toolName: string;
  /** The cursor: the id of the last event that was delivered; `"0-0"` before the first. */
  lastMessageId: string;
  /** ms since the Unix epoch. */
  startedAt: number;
}

/** Called with each chunk, in order, exactly once; never from inside a call of the app. */
export type StreamListenerFunction = (chunk: StreamChunk) => void;

/** Hears more, or less. */
export interface StreamListenerObject {
  /** Each chunk. */
  onChunk?(chunk: StreamChunk): void;
  /** The chunks of a delivery together: at most once per frame with `delivery: "frame"`. */
  onBatch?(chunks: readonly StreamChunk[]): void;
  /** The status changed. */
  onStatus?(status: StreamStatus): void;
  /** Everything so far is void; the stream starts over. */
  onReset?(): void;
}

/** A plain function gets `{type: "stream_reset"}` where an object's `onReset` is called. */
export type StreamListener = StreamListenerFunction | StreamListenerObject;

/** A message to send. */
export interface StreamRequest {
  /** The text. */
  message: string;
  /** `false`: stored with the role assistant, and answered all the same. */
  isUserMessage?: boolean;
  /** The page the user looks at. */
  context?: { url: string; content: string };
  /** Names this send: repeated under the same id it starts nothing twice. Made where not given. */
  messageId?: string;
}
