/** The chunks of the legacy dialect, which are also what `normalizeStreamChunk` gives (PROTOCOL §3). */

import type { ChunkOrigin, JSONObject, ProviderMetadata } from "./chunk-fields.js";

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
