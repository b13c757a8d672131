/** The chunks of the legacy dialect, which `normalizeStreamChunk` returns for both dialects (PROTOCOL §3). */

import type { ChunkOrigin, JSONObject, ProviderMetadata } from "./chunk-fields.js";

/**
 * The fields that any chunk of the legacy dialect may have beside its own. Fields that are not listed here are kept as well.
 */
export interface LegacyFields extends ChunkOrigin {
  /** The time at which the backend wrote the chunk, in the backend's own format. */
  timestamp?: string;
  /** The position of the chunk, as the backend counts. */
  idx?: number;
  /** The id of the session that the chunk belongs to. */
  session_id?: string;
  [key: string]: unknown;
}

/** Opens the stream of a task. The client makes it of a `start` chunk with a task id. */
export interface StreamStartChunk extends ChunkOrigin {
  type: "stream_start";
  /** The id of the task, by which a client rejoins its stream. */
  taskId: string;
  /** The id of the assistant message that the task writes. Only the streaming client sets it. */
  messageId?: string;
  /** The metadata of that message that is known at the start. Only the streaming client sets it. */
  messageMetadata?: unknown;
  [key: string]: unknown;
}

/** Adds text to the answer. */
export interface TextChunk extends LegacyFields {
  type: "text_chunk";
  /** The text to append. */
  content: string;
  /**
   * The id of the text block. Only the streaming client sets it; a chunk of the legacy dialect has none, because there is
   * only one block.
   */
  blockId?: string;
  /** Data of the model provider about the block. */
  providerMetadata?: ProviderMetadata;
}

/** Says that a text block is complete. */
export interface TextEndedChunk extends LegacyFields {
  type: "text_ended";
  /** The id of the text block. Only the streaming client sets it; a chunk of the legacy dialect has none. */
  blockId?: string;
  /** Data of the model provider about the block. */
  providerMetadata?: ProviderMetadata;
}

/** A tool call as some legacy backends announce it. The backend decides which fields it has. */
export interface ToolCallChunk extends LegacyFields {
  type: "tool_call";
}

/** Says that the model calls a tool. A later chunk with the same `tool_id` has the complete arguments. */
export interface ToolCallStartChunk extends LegacyFields {
  type: "tool_call_start";
  /** The id of the call. The response to the call has the same id. */
  tool_id: string;
  /** The name of the tool. */
  tool_name: string;
  /** The arguments: any JSON, with most tools an object. They are `{}` while the backend still streams them. */
  arguments: any;
  /** `"streaming"` says that the arguments will follow (`tool-input-start`). Only the streaming client sets it. */
  inputState?: "streaming";
  /** The encoding of the input deltas that follow. They are JSON if this is absent. */
  inputEncoding?: "json" | "text";
  /** True if the model provider runs the tool itself. */
  providerExecuted?: boolean;
  /** Data of the model provider about the call. */
  providerMetadata?: ProviderMetadata;
  /** Data of the tool, passed on unchanged. */
  toolMetadata?: JSONObject;
  /** True if the app does not know the tool at build time, so that its part is a `dynamic-tool`. */
  dynamic?: boolean;
  /** A title for the user interface. */
  title?: string;
}

/** The response of a tool. */
export interface ToolResponseChunk extends LegacyFields {
  type: "tool_response";
  /** The id of the call. */
  tool_id: string;
  /** The name of the tool, if the backend repeats it. */
  tool_name?: string;
  /**
   * The result, which is any JSON. If its `type` is `operation_started`, the tool still runs and a final response follows
   * (PROTOCOL §5).
   */
  result: any;
  /** Whether the tool succeeded. */
  success: boolean;
  /** True if a more complete result follows, so that this one is not final. */
  preliminary?: boolean;
  /** True if the model provider ran the tool itself. */
  providerExecuted?: boolean;
  /** Data of the model provider about the result. */
  providerMetadata?: ProviderMetadata;
  /** Data of the tool, passed on unchanged. */
  toolMetadata?: JSONObject;
  /** True if the app does not know the tool at build time, so that its part is a `dynamic-tool`. */
  dynamic?: boolean;
}

/** The agent that a login is needed for. */
export interface AgentInfo {
  graph_id: string;
  name: string;
  trigger_type: string;
  [key: string]: unknown;
}

/** Asks the user to sign in. */
export interface LoginNeededChunk extends LegacyFields {
  type: "login_needed" | "need_login";
  /** A sentence to show to the user. */
  message?: string;
  /** The agent that needs the login. */
  agent_info?: AgentInfo;
}

/** Asks the user for credentials of a provider. */
export interface CredentialsNeededChunk extends LegacyFields {
  type: "credentials_needed";
  provider?: string;
  provider_name?: string;
  credential_type?: string;
  scopes?: string[];
  title?: string;
  /** A sentence to show to the user. */
  message?: string;
}

/** Says that the task failed, and ends it. */
export interface ErrorChunk extends LegacyFields {
  type: "error";
  /** A sentence that describes the failure. In the AI SDK's dialect this is `errorText`. */
  message?: string;
  /** The same, under the name that some legacy backends use. */
  content?: string;
  /** A stable code. The codes of `rejoin-server` are in upper case. */
  code?: string;
  /** Further data about the failure, passed on unchanged. */
  details?: any;
}

/** The number of tokens that the task has used so far. */
export interface UsageChunk extends LegacyFields {
  type: "usage";
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
}

/** Says that the task finished, and ends it. The client makes it of a `finish` chunk. */
export interface StreamEndChunk extends LegacyFields {
  type: "stream_end";
  /** The reason why the model stopped, such as `stop`, `length` or `tool-calls`. Only the streaming client sets it. */
  finishReason?: string;
  /** The final metadata of the message. Only the streaming client sets it. */
  messageMetadata?: unknown;
}

/** A chunk of the legacy dialect, which `normalizeStreamChunk` returns unchanged. */
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
