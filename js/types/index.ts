/**
 * The types of the package: chunks (PROTOCOL §3), messages, streams, options. Written by hand, one idea per section.
 * Times are milliseconds unless a member says otherwise.
 */

import type { RejoinError } from "./errors.js";

// ---- JSON -----------------------------------------------------------------------------------------------------------

/** What `JSON.parse` gives. */
export type JSONValue = null | string | number | boolean | JSONObject | JSONValue[];

/** A JSON object. */
export interface JSONObject {
  [key: string]: JSONValue | undefined;
}

/** Facts that a model provider attached, by provider name. Handed on as they came. */
export type ProviderMetadata = Record<string, JSONObject>;

// ---- Chunks: what every one carries ---------------------------------------------------------------------------------

/** What the streaming client adds to every chunk. Absent on a chunk that `normalizeStreamChunk` made. */
export interface ChunkOrigin {
  /** The id of the event that brought this chunk, where the event's own block has an `id` field. It moved the cursor. */
  eventId?: string;
  /**
   * The chunk lies at or before the cursor that was saved before a reload (without event ids: within the saved count).
   * Rebuild from it, but run no side effect again.
   */
  replayed?: true;
  /** Set on an `UnknownChunk` only: `if (chunk.unknown)` narrows to it. */
  unknown?: undefined;
}

/** What any chunk of the legacy dialect may carry beside its own fields. Fields not listed are kept too. */
export interface LegacyFields extends ChunkOrigin {
  /** When the backend wrote it, as it came. */
  timestamp?: string;
  /** Its position, as the backend counts. */
  idx?: number;
  /** The session it belongs to. */
  session_id?: string;
  [key: string]: unknown;
}

// ---- Chunks: the surface of `normalizeStreamChunk` ------------------------------------------------------------------

/** A task's stream begins (`start` with a task id). */
export interface StreamStartChunk extends ChunkOrigin {
  type: "stream_start";
  /** The task; what a rejoin asks for. */
  taskId: string;
  /** The id of the assistant message that is being written. Only from the streaming client. */
  messageId?: string;
  /** Metadata of that message, as far as known at the start. Only from the streaming client. */
  messageMetadata?: unknown;
  [key: string]: unknown;
}

/** More text of the answer. */
export interface TextChunk extends LegacyFields {
  type: "text_chunk";
  /** The text to append. */
  content: string;
  /** The text block it belongs to. Only from the streaming client, and not in the legacy dialect, which has one block. */
  blockId?: string;
  /** Facts of the provider about the block. */
  providerMetadata?: ProviderMetadata;
}

/** A text block is complete. */
export interface TextEndedChunk extends LegacyFields {
  type: "text_ended";
  /** The text block. Only from the streaming client, and not in the legacy dialect. */
  blockId?: string;
  /** Facts of the provider about the block. */
  providerMetadata?: ProviderMetadata;
}

/** A tool call as some legacy backends announce it; its fields are the backend's. */
export interface ToolCallChunk extends LegacyFields {
  type: "tool_call";
}

/** A tool is called. A later one of the same `tool_id` brings its complete arguments. */
export interface ToolCallStartChunk extends LegacyFields {
  type: "tool_call_start";
  /** Names the call; its response carries the same. */
  tool_id: string;
  /** Names the tool. */
  tool_name: string;
  /** The arguments; `{}` while they are still streamed. Any JSON, an object with most tools. */
  arguments: any;
  /** `"streaming"`: only the beginning of the call is known (`tool-input-start`). Only from the streaming client. */
  inputState?: "streaming";
  /** How the input deltas that follow are encoded; JSON where absent. */
  inputEncoding?: "json" | "text";
  /** The provider itself runs the tool. */
  providerExecuted?: boolean;
  /** Facts of the provider about the call. */
  providerMetadata?: ProviderMetadata;
  /** Facts of the tool, as it came. */
  toolMetadata?: JSONObject;
  /** The tool's types are not known at build time. */
  dynamic?: boolean;
  /** A title to show. */
  title?: string;
}

/** A tool has answered. */
export interface ToolResponseChunk extends LegacyFields {
  type: "tool_response";
  /** The call. */
  tool_id: string;
  /** The tool, where the backend repeats it. */
  tool_name?: string;
  /** The result; any JSON. With `type: "operation_started"` the tool goes on and a final response follows (PROTOCOL §5). */
  result: any;
  /** Whether the tool succeeded. */
  success: boolean;
  /** More of the same result follows; this is not the final one. */
  preliminary?: boolean;
  /** The provider itself ran the tool. */
  providerExecuted?: boolean;
  /** Facts of the provider about the result. */
  providerMetadata?: ProviderMetadata;
  /** Facts of the tool, as it came. */
  toolMetadata?: JSONObject;
  /** The tool's types are not known at build time. */
  dynamic?: boolean;
}

/** What an agent needs a login for. */
export interface AgentInfo {
  graph_id: string;
  name: string;
  trigger_type: string;
  [key: string]: unknown;
}

/** The user has to sign in. */
export interface LoginNeededChunk extends LegacyFields {
  type: "login_needed" | "need_login";
  /** A sentence for the user. */
  message?: string;
  /** For what. */
  agent_info?: AgentInfo;
}

/** The user has to provide credentials. */
export interface CredentialsNeededChunk extends LegacyFields {
  type: "credentials_needed";
  provider?: string;
  provider_name?: string;
  credential_type?: string;
  scopes?: string[];
  title?: string;
  /** A sentence for the user. */
  message?: string;
}

/** The task failed. Ends it. */
export interface ErrorChunk extends LegacyFields {
  type: "error";
  /** A sentence. From the AI SDK dialect's `errorText`. */
  message?: string;
  /** A sentence, as some legacy backends send it. */
  content?: string;
  /** Stable, upper case with our server. */
  code?: string;
  /** More, as it came. */
  details?: any;
}

/** Tokens used so far. */
export interface UsageChunk extends LegacyFields {
  type: "usage";
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
}

/** The task finished (`finish`). Ends it. */
export interface StreamEndChunk extends LegacyFields {
  type: "stream_end";
  /** Why the model stopped, e.g. `stop`, `length`, `tool-calls`. Only from the streaming client. */
  finishReason?: string;
  /** Final metadata of the message. Only from the streaming client. */
  messageMetadata?: unknown;
}

/** A chunk of the legacy dialect: passes through unchanged. */
export type LegacyStreamChunk =
  | TextChunk
  | TextEndedChunk
  | ToolCallChunk
  | ToolCallStartChunk
  | ToolResponseChunk
  | LoginNeededChunk
  | CredentialsNeededChunk
  | ErrorChunk
  | UsageChunk
  | StreamEndChunk;

// ---- Chunks: the rest of the AI SDK's dialect, carried through by the streaming client ------------------------------

/** A `start` without a task id: nothing can be rejoined by it, but it names the message. */
export interface StartChunk extends ChunkOrigin {
  type: "start";
  messageId?: string;
  messageMetadata?: unknown;
}

/** A reasoning block opens or closes. */
export interface ReasoningBoundaryChunk extends ChunkOrigin {
  type: "reasoning-start" | "reasoning-end";
  id: string;
  providerMetadata?: ProviderMetadata;
}

/** More text of a reasoning block. */
export interface ReasoningDeltaChunk extends ChunkOrigin {
  type: "reasoning-delta";
  id: string;
  delta: string;
  providerMetadata?: ProviderMetadata;
}

/** More of the text of a tool's input. */
export interface ToolInputDeltaChunk extends ChunkOrigin {
  type: "tool-input-delta";
  toolCallId: string;
  /** A piece of JSON text, split anywhere. */
  inputTextDelta: string;
}

/** A tool's input is not valid. */
export interface ToolInputErrorChunk extends ChunkOrigin {
  type: "tool-input-error";
  toolCallId: string;
  toolName: string;
  input: unknown;
  errorText: string;
  providerExecuted?: boolean;
  providerMetadata?: ProviderMetadata;
  toolMetadata?: JSONObject;
  dynamic?: boolean;
  title?: string;
}

/** A tool failed. */
export interface ToolOutputErrorChunk extends ChunkOrigin {
  type: "tool-output-error";
  toolCallId: string;
  errorText: string;
  providerExecuted?: boolean;
  providerMetadata?: ProviderMetadata;
  toolMetadata?: JSONObject;
  dynamic?: boolean;
}

/** The user denied the call. */
export interface ToolOutputDeniedChunk extends ChunkOrigin {
  type: "tool-output-denied";
  toolCallId: string;
}

/** The user is asked whether a tool may run. */
export interface ToolApprovalRequestChunk extends ChunkOrigin {
  type: "tool-approval-request";
  approvalId: string;
  toolCallId: string;
  approvalDescriptor?: unknown;
  inputSchemaInput?: unknown;
  reason?: string;
  isAutomatic?: boolean;
  signature?: string;
}

/** The user has answered. */
export interface ToolApprovalResponseChunk extends ChunkOrigin {
  type: "tool-approval-response";
  approvalId: string;
  approved: boolean;
  reason?: string;
  providerExecuted?: boolean;
  providerMetadata?: ProviderMetadata;
}

/** A web page that the answer rests on. */
export interface SourceUrlChunk extends ChunkOrigin {
  type: "source-url";
  sourceId: string;
  url: string;
  title?: string;
  providerMetadata?: ProviderMetadata;
}

/** A document that the answer rests on. */
export interface SourceDocumentChunk extends ChunkOrigin {
  type: "source-document";
  sourceId: string;
  mediaType: string;
  title: string;
  filename?: string;
  providerMetadata?: ProviderMetadata;
}

/** A file that was made, as part of the answer or of the reasoning. */
export interface FileChunk extends ChunkOrigin {
  type: "file" | "reasoning-file";
  url: string;
  mediaType: string;
  providerMetadata?: ProviderMetadata;
}

/** Content of a kind that only its provider knows. */
export interface CustomChunk extends ChunkOrigin {
  type: "custom";
  /** `provider.kind`. */
  kind: `${string}.${string}`;
  providerMetadata?: ProviderMetadata;
}

/** Data of the app. One with an `id` replaces the one of the same type and id. */
export interface DataChunk extends ChunkOrigin {
  type: `data-${string}`;
  data: any;
  id?: string;
  /** Told to listeners, but no part of the message. */
  transient?: boolean;
}

/** Boundaries of a step; `reset-step` takes back what the current one brought. */
export interface StepChunk extends ChunkOrigin {
  type: "start-step" | "finish-step" | "reset-step";
}

/** Metadata to merge into the message's. */
export interface MessageMetadataChunk extends ChunkOrigin {
  type: "message-metadata";
  messageMetadata: unknown;
}

/** The task was stopped by someone. Ends it. */
export interface AbortChunk extends ChunkOrigin {
  type: "abort";
  reason?: string;
}

/** A user message that was added while the answer is written. */
export interface SteeringMessageChunk extends ChunkOrigin {
  type: "steering-message";
  id: string;
  parts: Array<TextUIPart | FileUIPart>;
}

/** The chunks for which `normalizeStreamChunk` answers null and the streaming client delivers what came. */
export type CarriedStreamChunk =
  | StartChunk
  | ReasoningBoundaryChunk
  | ReasoningDeltaChunk
  | ToolInputDeltaChunk
  | ToolInputErrorChunk
  | ToolOutputErrorChunk
  | ToolOutputDeniedChunk
  | ToolApprovalRequestChunk
  | ToolApprovalResponseChunk
  | SourceUrlChunk
  | SourceDocumentChunk
  | FileChunk
  | CustomChunk
  | DataChunk
  | StepChunk
  | MessageMetadataChunk
  | AbortChunk
  | SteeringMessageChunk;

// ---- Chunks: the client's own ---------------------------------------------------------------------------------------

/** Any string that no other chunk has as its type. An enum, so that comparing `type` to a known one narrows the union. */
declare enum UnknownType {
  any = "any other string",
}

/** A chunk of a type that this version does not know, as it came. Assign `type` to a `string` to look at it. */
export interface UnknownChunk extends Omit<ChunkOrigin, "unknown"> {
  type: UnknownType;
  unknown: true;
  [key: string]: unknown;
}

/**
 * Everything so far is void: the stream starts over from its beginning. Given to a plain-function listener; an object
 * listener hears `onReset` instead.
 */
export interface StreamResetChunk extends ChunkOrigin {
  type: "stream_reset";
}

/** Every chunk a listener may get (PROTOCOL §3). */
export type StreamChunk =
  | StreamStartChunk
  | LegacyStreamChunk
  | CarriedStreamChunk
  | UnknownChunk
  | StreamResetChunk;

/** A chunk as it stands on the wire, in either dialect, parsed. */
export type WireStreamChunk = { type: string; [key: string]: unknown };

// ---- Messages: the AI SDK's shape -----------------------------------------------------------------------------------

/** A message as the AI SDK's hooks know it. Treat as immutable: a change makes a new object. */
export interface UIMessage {
  /** The id the server stores it by, once `start` has told it. */
  id: string;
  role: "system" | "user" | "assistant";
  metadata?: unknown;
  /** In the order they began. A part that did not change is the same object as before. */
  parts: UIMessagePart[];
}

/** A part of a message. */
export type UIMessagePart =
  | TextUIPart
  | ReasoningUIPart
  | ToolUIPart
  | DynamicToolUIPart
  | SourceUrlUIPart
  | SourceDocumentUIPart
  | FileUIPart
  | ReasoningFileUIPart
  | CustomContentUIPart
  | DataUIPart
  | SteeringMessageUIPart
  | StepStartUIPart;

/** Text of the answer. */
export interface TextUIPart {
  type: "text";
  text: string;
  /** Whether more may come. */
  state?: "streaming" | "done";
  providerMetadata?: ProviderMetadata;
}

/** What the model thought. */
export interface ReasoningUIPart {
  type: "reasoning";
  id?: string;
  text: string;
  /** Whether more may come. */
  state?: "streaming" | "done";
  providerMetadata?: ProviderMetadata;
}

/** Whether the user allowed a tool call. */
export interface ToolApproval<Approved extends boolean | undefined> {
  id: string;
  approved: Approved;
  descriptor?: unknown;
  requestReason?: string;
  reason?: string;
  isAutomatic?: boolean;
  signature?: string;
  inputSchemaInput?: unknown;
}

/** Where a tool call stands. */
export type ToolCallState =
  | {
      state: "input-streaming";
      /** What is known so far: the input with its open strings, arrays and objects closed. */
      input?: any;
      /** The text of the input so far. */
      rawInput?: string;
      inputEncoding?: "json" | "text";
      output?: never;
      errorText?: never;
      callProviderMetadata?: ProviderMetadata;
      approval?: never;
    }
  | {
      state: "input-available";
      input: any;
      output?: never;
      errorText?: never;
      callProviderMetadata?: ProviderMetadata;
      approval?: never;
    }
  | {
      state: "approval-requested";
      input: any;
      output?: never;
      errorText?: never;
      callProviderMetadata?: ProviderMetadata;
      approval: Omit<ToolApproval<undefined>, "approved" | "reason"> & { approved?: never; reason?: never };
    }
  | {
      state: "approval-responded";
      input: any;
      output?: never;
      errorText?: never;
      callProviderMetadata?: ProviderMetadata;
      approval: ToolApproval<boolean>;
    }
  | {
      state: "output-available";
      input: any;
      output: any;
      errorText?: never;
      /** More of the same output follows. */
      preliminary?: boolean;
      callProviderMetadata?: ProviderMetadata;
      resultProviderMetadata?: ProviderMetadata;
      approval?: ToolApproval<true>;
    }
  | {
      state: "output-error";
      input: any;
      rawInput?: unknown;
      output?: never;
      errorText: string;
      callProviderMetadata?: ProviderMetadata;
      resultProviderMetadata?: ProviderMetadata;
      approval?: ToolApproval<true>;
    }
  | {
      state: "output-denied";
      input: any;
      output?: never;
      errorText?: never;
      callProviderMetadata?: ProviderMetadata;
      approval: ToolApproval<false>;
    };

/** What every tool part carries. */
export interface ToolCallFields {
  toolCallId: string;
  title?: string;
  toolMetadata?: JSONObject;
  /** The provider itself runs the tool. */
  providerExecuted?: boolean;
}

/** A call of a tool that is known at build time: its name stands in the type. */
export type ToolUIPart = ToolCallFields & { type: `tool-${string}` } & ToolCallState;

/** A call of a tool that is not. */
export type DynamicToolUIPart = ToolCallFields & { type: "dynamic-tool"; toolName: string } & ToolCallState;

/** A web page that the answer rests on. */
export interface SourceUrlUIPart {
  type: "source-url";
  sourceId: string;
  url: string;
  title?: string;
  providerMetadata?: ProviderMetadata;
}

/** A document that the answer rests on. */
export interface SourceDocumentUIPart {
  type: "source-document";
  sourceId: string;
  mediaType: string;
  title: string;
  filename?: string;
  providerMetadata?: ProviderMetadata;
}

/** A file of the answer. */
export interface FileUIPart {
  type: "file";
  mediaType: string;
  filename?: string;
  url: string;
  providerMetadata?: ProviderMetadata;
}

/** A file of the reasoning. */
export interface ReasoningFileUIPart {
  type: "reasoning-file";
  mediaType: string;
  url: string;
  providerMetadata?: ProviderMetadata;
}

/** Content of a kind that only its provider knows. */
export interface CustomContentUIPart {
  type: "custom";
  kind: `${string}.${string}`;
  providerMetadata?: ProviderMetadata;
}

/** Data of the app. */
export interface DataUIPart {
  type: `data-${string}`;
  id?: string;
  data: any;
}

/** A user message that was added while the answer was written. */
export interface SteeringMessageUIPart {
  type: "steering-message";
  id: string;
  parts: Array<TextUIPart | FileUIPart>;
}

/** A step begins here. */
export interface StepStartUIPart {
  type: "step-start";
}

// ---- Messages: what `mergeMessages` reads ---------------------------------------------------------------------------

/**
 * A message in any of the shapes that lists of an app hold: as the server stores it (`role`, `content`, `tool_calls`,
 * `tool_call_id`), as an app on the legacy dialect shows it (`type`, `toolId`, `operationId`), or a `UIMessage`
 * (`parts`). Only these fields are read; all are kept.
 */
export interface Message {
  id?: string | null;
  role?: string;
  type?: string;
  content?: unknown;
  parts?: readonly unknown[];
  tool_calls?: unknown;
  tool_call_id?: string | null;
  toolId?: string;
  toolCallId?: string;
  operation_id?: string;
  operationId?: string;
  result?: unknown;
}

/** Options of `mergeMessages`. */
export interface MergeOptions {
  /**
   * The session's `active_stream`, or whether there is one: while a task runs its answer comes only through its
   * stream, so assistant and tool messages after the last user message are dropped from the server's list.
   */
  activeStream?: unknown;
}

// ---- The dispatcher -------------------------------------------------------------------------------------------------

/** Handlers of `createStreamEventDispatcher`. One that throws stops no other; the error goes to `reportError`. */
export interface StreamEventHandlers {
  /** Once per task; of another task: everything starts over. */
  onStreamStart?: (chunk: StreamStartChunk) => void;
  /** Each piece of text. */
  onTextChunk?: (chunk: TextChunk) => void;
  /** Once per text block, at the latest before the end. */
  onTextEnded?: (chunk: TextEndedChunk) => void;
  /** Once per tool id. */
  onToolCallStart?: (chunk: ToolCallStartChunk) => void;
  /** Each later start of a tool id: its arguments. */
  onToolCallUpdate?: (chunk: ToolCallStartChunk) => void;
  /** Once per tool id the final response; before it, any `preliminary` or `operation_started` ones. */
  onToolResponse?: (chunk: ToolResponseChunk) => void;
  /** Once, for `login_needed` and `need_login`. */
  onLoginNeeded?: (chunk: LoginNeededChunk) => void;
  /** Each. */
  onCredentialsNeeded?: (chunk: CredentialsNeededChunk) => void;
  /** Each. */
  onUsage?: (chunk: UsageChunk) => void;
  /** Last, instead of `onStreamEnd`. */
  onError?: (chunk: ErrorChunk) => void;
  /** Last, instead of `onError`. */
  onStreamEnd?: (chunk: StreamEndChunk) => void;
  /** Every other chunk: reasoning, data, sources, steps, `tool_call`, `abort`, unknown types. */
  onOther?: (chunk: StreamChunk) => void;
}

/** Takes one chunk or a batch. */
export type StreamEventDispatcher = (chunk: StreamChunk | readonly StreamChunk[]) => void;

// ---- The parser -----------------------------------------------------------------------------------------------------

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

// ---- Streams --------------------------------------------------------------------------------------------------------

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

// ---- The client -----------------------------------------------------------------------------------------------------

/** Synchronous, as Web Storage. May throw: the client then goes on in memory. */
export interface StorageLike {
  /** The text under a key; null where there is none. */
  getItem(key: string): string | null;
  /** May throw when it is full: the client goes on in memory. */
  setItem(key: string, value: string): void;
  /** Does nothing where there is none. */
  removeItem(key: string): void;
  /** With `length`: enumerates the keys, so that saved tasks of sessions not asked for are found. */
  key?(index: number): string | null;
  readonly length?: number;
}

/** For what headers are asked: a message is sent; a stream is joined or looked at; the last answer was 401. */
export type HeadersReason = "send" | "resume" | "unauthorized";

/** How retries go. */
export interface RetryOptions {
  /** The first delay in ms, before jitter. 1000. */
  initialDelayMs?: number;
  /** The longest delay in ms. 30 000. A server's `Retry-After` may be longer. */
  maxDelayMs?: number;
  /** Tries in a row without progress. Not given: 3 for a send without an answer; a known task has `windowMs`. */
  maxRetries?: number;
  /** How long a known task is tried without progress, in ms. 600 000. Then it failed, retryable, and stays saved. */
  windowMs?: number;
  /** `"never"`: for backends that cannot tell a repeated message by its id. `"same-id"`. */
  repost?: "same-id" | "never";
}

/** A frame that is no chunk. */
export interface MalformedFrame {
  /** Its data, as it came. */
  data: string;
  /** What is wrong with it. */
  reason: string;
}

/** Options of `createChatStreams`. */
export interface ChatStreamsOptions {
  /** Where PROTOCOL §1 is mounted. `"/api/chat"`. */
  baseUrl?: string;
  /** Asked anew for every request. One that throws or rejects fails the request, retryable. */
  headers?: HeadersInit | ((why: HeadersReason) => HeadersInit | Promise<HeadersInit>);
  /** Of every request. `"same-origin"`, as `fetch` has it. */
  credentials?: RequestCredentials;
  /** Instead of the global one. */
  fetch?: typeof fetch;
  /** `"local"`; falls back to memory where it is missing, full or throws. */
  storage?: "local" | "memory" | StorageLike;
  /** `"chat_active_tasks"`. */
  storageKey?: string;
  /** Separates the saved tasks of several users of one browser. */
  userKey?: string;
  /** How long a saved task counts, in ms since it was last saved. 3 600 000. */
  taskTtlMs?: number;
  retry?: RetryOptions;
  /** Silence after which a stream is rejoined, in ms. Not given: 3 announced heartbeats, else 45 000. */
  stallTimeoutMs?: number;
  /** One connection per task and browser. `true`. */
  crossTab?: boolean;
  /**
   * `"frame"`: at most one delivery per animation frame (or 50 ms while hidden); a replay, which brings more than 16 KiB of
   * chunks between two frames, is put together for up to 100 ms. `"immediate"`: as it comes.
   */
  delivery?: "frame" | "immediate";
  /** A frame was skipped; the stream goes on. */
  onMalformed?: (frame: MalformedFrame) => void;
  /** Seeds the jitter; for tests. */
  seed?: number;
}

/**
 * The streams of an app. Promises of `startStream`, `reconnectToTask` and `resumeSession` resolve with the outcome, also
 * a bad one; they reject (`RejoinError`) only for misuse: a closed client, arguments of the wrong type.
 */
export interface ChatStreams {
  /** The WebAssembly is there. Until then getters answer as an empty client's; every async method awaits it itself. */
  readonly ready: Promise<void>;
  /** Sends a message and streams its answer. While the session's stream runs: resolves `failed`, `TASK_RUNNING`. */
  startStream(sessionId: string, request: string | StreamRequest, listener?: StreamListener): Promise<StreamOutcome>;
  /** Joins a task after `lastMessageId`; not given: from its beginning. */
  reconnectToTask(
    sessionId: string,
    taskId: string,
    lastMessageId?: string,
    listener?: StreamListener,
  ): Promise<StreamOutcome>;
  /** Joins the saved task, else the session's `active_stream`, else resolves with null. */
  resumeSession(sessionId: string, listener?: StreamListener): Promise<StreamOutcome | null>;
  /** Listens to whatever streams the session has. `replay`: what the current one gave so far, first. Returns the way out. */
  subscribeToStream(sessionId: string, listener: StreamListener, options?: { replay?: boolean }): () => void;
  /** Cancels the task on the server: no tab resumes it, no later chunk is delivered. Resolves when that is acknowledged. */
  stopStream(sessionId: string): Promise<void>;
  /** Stops listening in this tab; the task goes on and stays saved. */
  detachStream(sessionId: string): void;
  /** `idle` for a session that this client has not streamed. */
  getStreamStatus(sessionId: string): StreamStatus;
  /** Connecting, streaming, stalled or reconnecting. */
  isStreaming(sessionId: string): boolean;
  /** The same object until something changed. */
  getSnapshot(sessionId: string): StreamSnapshot;
  /** Called when the snapshot changed. Returns the way out. */
  onSnapshot(sessionId: string, callback: () => void): () => void;
  /** Called after the last chunk of each stream was delivered. Returns the way out. */
  onStreamComplete(callback: (sessionId: string, outcome: StreamOutcome) => void): () => void;
  /** Saves a task that the app has learned of elsewhere, so that `resumeSession` finds it. */
  setActiveTask(sessionId: string, task: Partial<ActiveTask> & Pick<ActiveTask, "taskId">): void;
  /** The saved task of a session; null where there is none, or it is older than `taskTtlMs`. */
  getActiveTask(sessionId: string): ActiveTask | null;
  /** The saved tasks of all sessions. */
  listActiveTasks(): ActiveTask[];
  /** Called when the saved tasks changed, here or in another tab. Returns the way out. */
  onActiveTasks(callback: () => void): () => void;
  /** Forgets the saved task; a stream that runs goes on. */
  clearActiveTask(sessionId: string): void;
  /** Moves the saved cursor to the event that the app has handled last. */
  updateTaskLastMessageId(sessionId: string, lastMessageId: string): void;
  /** Of one session, or of all. */
  getMetrics(sessionId?: string): StreamMetrics;
  /** Saves cursors, keeps tasks, resolves pending promises as `superseded`, calls nothing back any more. Idempotent. */
  close(): void;
  /** `close`. */
  [Symbol.dispose](): void;
}
