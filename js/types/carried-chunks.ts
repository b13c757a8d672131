/**
 * The chunks of the AI SDK's dialect that have no legacy counterpart. The streaming client passes them on unchanged
 * (PROTOCOL §3).
 */

import type { ChunkOrigin, JSONObject, ProviderMetadata } from "./chunk-fields.js";
import type { FileUIPart, TextUIPart } from "./messages.js";

/** A `start` without a task id. It names the message, but no client can rejoin a stream by it. */
export interface StartChunk extends ChunkOrigin {
  type: "start";
  messageId?: string;
  messageMetadata?: unknown;
}

/** Opens or closes a reasoning block. */
export interface ReasoningBoundaryChunk extends ChunkOrigin {
  type: "reasoning-start" | "reasoning-end";
  id: string;
  providerMetadata?: ProviderMetadata;
}

/** Adds text to a reasoning block. */
export interface ReasoningDeltaChunk extends ChunkOrigin {
  type: "reasoning-delta";
  id: string;
  delta: string;
  providerMetadata?: ProviderMetadata;
}

/** Adds text to the input of a tool call. */
export interface ToolInputDeltaChunk extends ChunkOrigin {
  type: "tool-input-delta";
  toolCallId: string;
  /** A piece of the input, which is JSON text unless `inputEncoding` says otherwise. The pieces may be cut anywhere. */
  inputTextDelta: string;
}

/** Says that the input of a tool call is not valid. */
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

/** Says that a tool failed. */
export interface ToolOutputErrorChunk extends ChunkOrigin {
  type: "tool-output-error";
  toolCallId: string;
  errorText: string;
  providerExecuted?: boolean;
  providerMetadata?: ProviderMetadata;
  toolMetadata?: JSONObject;
  dynamic?: boolean;
}

/** Says that the user denied a tool call. */
export interface ToolOutputDeniedChunk extends ChunkOrigin {
  type: "tool-output-denied";
  toolCallId: string;
}

/** Asks the user whether a tool may run. */
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

/** The answer of the user to a `tool-approval-request`. */
export interface ToolApprovalResponseChunk extends ChunkOrigin {
  type: "tool-approval-response";
  approvalId: string;
  approved: boolean;
  reason?: string;
  providerExecuted?: boolean;
  providerMetadata?: ProviderMetadata;
}

/** A web page that the answer is based on. */
export interface SourceUrlChunk extends ChunkOrigin {
  type: "source-url";
  sourceId: string;
  url: string;
  title?: string;
  providerMetadata?: ProviderMetadata;
}

/** A document that the answer is based on. */
export interface SourceDocumentChunk extends ChunkOrigin {
  type: "source-document";
  sourceId: string;
  mediaType: string;
  title: string;
  filename?: string;
  providerMetadata?: ProviderMetadata;
}

/** A file that the model generated as part of its answer or of its reasoning. */
export interface FileChunk extends ChunkOrigin {
  type: "file" | "reasoning-file";
  url: string;
  mediaType: string;
  providerMetadata?: ProviderMetadata;
}

/** Content that only one model provider knows. */
export interface CustomChunk extends ChunkOrigin {
  type: "custom";
  /** The name of the provider and the kind of content, joined by a dot. */
  kind: `${string}.${string}`;
  providerMetadata?: ProviderMetadata;
}

/** Data of the app. A chunk with an `id` replaces the earlier one of the same type and id. */
export interface DataChunk extends ChunkOrigin {
  type: `data-${string}`;
  data: any;
  id?: string;
  /** True if listeners receive the data but the message does not keep it. */
  transient?: boolean;
}

/** Opens or closes a step of the answer. `reset-step` removes what the current step has added. */
export interface StepChunk extends ChunkOrigin {
  type: "start-step" | "finish-step" | "reset-step";
}

/** Metadata that is merged into the metadata of the message. */
export interface MessageMetadataChunk extends ChunkOrigin {
  type: "message-metadata";
  messageMetadata: unknown;
}

/** Says that someone stopped the task, and ends it. */
export interface AbortChunk extends ChunkOrigin {
  type: "abort";
  reason?: string;
}

/** A user message that was added while the model writes the answer. */
export interface SteeringMessageChunk extends ChunkOrigin {
  type: "steering-message";
  id: string;
  parts: Array<TextUIPart | FileUIPart>;
}

/** Any chunk for which `normalizeStreamChunk` returns null, while the streaming client passes it on. */
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
