/**
 * The types of a session's stream: status, snapshot, outcome, listeners, requests and the saved task. Durations are in
 * milliseconds.
 */

import type { JSONObject, JSONValue } from "./chunk-fields.js";
import type { StreamChunk } from "./chunks.js";
import type { RejoinError } from "./errors.js";
import type { UIMessage, UIMessagePart } from "./messages.js";

/**
 * The state of a session's stream. An outcome leads to `completed` (finished), `stopped`, `error` (failed or expired) or `idle`
 * (superseded).
 */
export type StreamStatus =
  | "idle"
  | "connecting"
  | "streaming"
  | "stalled"
  | "reconnecting"
  | "completed"
  | "stopped"
  | "error";

/** The result of a stream that has ended, by its `kind`. */
export type StreamOutcome = FinishedOutcome | StoppedOutcome | FailedOutcome | ExpiredOutcome | SupersededOutcome;

/** The task wrote its whole answer. */
export interface FinishedOutcome extends OutcomeFacts {
  kind: "finished";
}

/** Someone cancelled the task, or it ended with `abort`. */
export interface StoppedOutcome extends OutcomeFacts {
  kind: "stopped";
}

/** The task ended with an `error` chunk, or the client could not go on. */
export interface FailedOutcome extends Omit<OutcomeFacts, "error" | "joined"> {
  kind: "failed";
  error: RejoinError;
  /**
   * True if the backend was answering another message (409): the message itself was not sent, and `error.code` is
   * `TASK_RUNNING`. The client joined the other answer, and `error.details.outcome` says how it ended.
   */
  joined?: true;
}

/** The backend no longer knows the task, and the session has no answer. */
export interface ExpiredOutcome extends Omit<OutcomeFacts, "error"> {
  kind: "expired";
  /** The error, if there was one. */
  error?: RejoinError;
}

/** `detachStream`, `close` or another stream of the session ended this stream. The task goes on. */
export interface SupersededOutcome extends OutcomeFacts {
  kind: "superseded";
}

/** The properties that outcomes share. */
export interface OutcomeFacts {
  /** The id of the task, if the client knows it. */
  taskId?: string;
  /** The reason why the model stopped, if the last chunk gives one. */
  finishReason?: string;
  /** True if the beginning of the answer was missing from the backend's log: what was given is the rest of it. */
  truncated?: true;
  /** The operation that goes on in a task of its own. That task is saved, and `resumeSession` goes on with it. */
  operation?: { operationId: string; taskId: string; toolName: string };
  /** Only a `failed` outcome has it. */
  joined?: undefined;
  /** Only a `failed` or an `expired` outcome has it. */
  error?: undefined;
}

/** What a user interface needs to show a session's stream. It is the same object until something changes. */
export interface StreamSnapshot {
  sessionId: string;
  status: StreamStatus;
  /** The id of the task, once the client knows it. */
  taskId?: string;
  /** The answer so far, or null before its first chunk. */
  message: UIMessage | null;
  /** The error that led to the status `error`. */
  error?: RejoinError;
  /** The number of attempts in a row that brought no new event. It is 0 while the stream works. */
  attempt: number;
  /** The time of the next attempt while the stream is reconnecting, in milliseconds since the Unix epoch. */
  retryAt?: number;
  /** `owner` if this tab holds the connection to the backend, `follower` if another tab holds it. */
  role: "owner" | "follower";
  /** The tokens that the task has used, if the backend reports them. */
  usage?: StreamUsage;
}

/** Numbers of tokens. */
export interface StreamUsage {
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
}

/** Counters that start at 0 when the client is created. */
export interface StreamMetrics {
  /** The bytes of all stream bodies. */
  bytes: number;
  /** The events that the client parsed. */
  events: number;
  /** The chunks that the client delivered to listeners. */
  chunks: number;
  /** The events that the client dropped because it had delivered them before. */
  duplicates: number;
  /** The events whose data is not a chunk (see `onMalformed`). */
  malformed: number;
  /** The chunks of an unknown type. */
  unknown: number;
  /** The number of times that the client reopened a stream. */
  reconnects: number;
  /** The number of times that a stream started over. */
  resets: number;
  /** The saved records that the client dropped because they were corrupt, outdated, or of another version or session. */
  droppedRecords: number;
}

/** The saved record of a running task. It has ids and times, but never content. */
export interface ActiveTask {
  taskId: string;
  sessionId: string;
  /** The id of the long-running operation, or the empty string. */
  operationId: string;
  /** The name of the tool that started the operation, or the empty string. */
  toolName: string;
  /** The cursor, which is the id of the last event that the client delivered. It is `"0-0"` before the first. */
  lastMessageId: string;
  /** The time at which the task started, in milliseconds since the Unix epoch. */
  startedAt: number;
}

/** Receives each chunk exactly once and in order. The client never calls it from inside a call of the app. */
export type StreamListenerFunction = (chunk: StreamChunk) => void;

/** A listener that chooses what it receives. */
export interface StreamListenerObject {
  /** Receives each chunk. */
  onChunk?(chunk: StreamChunk): void;
  /** Receives all chunks of one delivery together: with `delivery: "frame"` at most once per animation frame. */
  onBatch?(chunks: readonly StreamChunk[]): void;
  /** Receives each new status. */
  onStatus?(status: StreamStatus): void;
  /** Called when the stream starts over, so that all earlier chunks are no longer valid. */
  onReset?(): void;
  /**
   * Detaches this listener when it is aborted. The promise of its call then resolves with `superseded`. The stream is let
   * go, as by `detachStream`, if that was its last listener and no other call waits for it.
   */
  signal?: AbortSignal;
}

/** A listener. A plain function receives the chunk `{type: "stream_reset"}` where the client calls an object's `onReset`. */
export type StreamListener = StreamListenerFunction | StreamListenerObject;

/** The result of `loadSession`: what the backend answered, unchanged. */
export interface LoadedSession {
  /** The stored messages, oldest first (PROTOCOL §1). */
  messages: readonly unknown[];
  /** The backend's `active_stream`: the task that runs, or null. */
  activeStream: object | null;
}

/**
 * What a message does to its session (PROTOCOL §1, "A turn"). A base backend appends and answers it, whatever it is.
 *
 * - `submit`: it is appended and answered.
 * - `regenerate`: the message that `replaces` names is answered again. No user message is added.
 * - `edit`: it takes the place of the user message that `replaces` names, and all after that is removed.
 * - `continue`: the last assistant message goes on with the outputs and approvals that are sent along.
 */
export type StreamTrigger = "submit" | "regenerate" | "edit" | "continue";

/** The output of a tool that the page has run: either `output` or `errorText`. */
export interface ToolOutput {
  toolCallId: string;
  output?: JSONValue;
  /** The reason why the tool failed. */
  errorText?: string;
}

/** The user's answer to the question whether a tool may run. */
export interface ToolApprovalResponse {
  approvalId: string;
  approved: boolean;
  reason?: string;
}

/** A message that a backend has taken, as `onTurn` reports it. */
export interface SentTurn {
  /** The id under which it was sent. */
  messageId?: string;
  /** The text of the message. It is empty where a `regenerate` or a `continue` has none. */
  text: string;
  /** The parts of the message, if it was sent with some. */
  parts?: UIMessagePart[];
  metadata?: JSONValue;
  trigger: StreamTrigger;
  /** The id of the message that is answered again or replaced. */
  replaces?: string;
  /** `here` if this client sent it, `tab` if another tab of this browser did. */
  from: "here" | "tab";
}

/** A message to send to the backend (PROTOCOL §1). What is not given is not sent. */
export interface StreamRequest {
  /** The text of the message. It may be empty where `parts` hold no text, and with `regenerate` and `continue`. */
  message: string;
  /** With `false` the backend stores the message with the role assistant, and answers it all the same. */
  isUserMessage?: boolean;
  /** The page that the user is looking at. */
  context?: { url: string; content: string };
  /** The id of this message. The backend answers a repeat with the same id only once. The client creates one by default. */
  messageId?: string;
  /** The parts of the user message: its text, its files. The backend stores them. */
  parts?: UIMessagePart[];
  /** Data that the backend stores with the message. */
  metadata?: JSONValue;
  /** Data for the agent. The backend keeps it until the task has ended, and never with the messages. */
  body?: JSONObject;
  /** What the message does to the session. The default is `"submit"`. */
  trigger?: StreamTrigger;
  /** The id of the message that is answered again (`regenerate`) or replaced (`edit`). */
  replaces?: string;
  /** Outputs of tools that the page has run, for `continue`. */
  toolOutputs?: ToolOutput[];
  /** Answers to questions whether a tool may run, for `continue`. */
  approvals?: ToolApprovalResponse[];
  /** Headers of this send, and of its repeats, beside those of the client. Rejoins do not carry them. */
  headers?: HeadersInit;
}
