/** The other chunks of the AI SDK's dialect: the streaming client hands them on as they came (PROTOCOL §3). */

import type { ChunkOrigin, JSONObject, ProviderMetadata } from "./chunk-fields.js";
import type { FileUIPart, TextUIPart } from "./messages.js";

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
