/** Messages in the AI SDK's shape, and the shapes that `mergeMessages` reads. */

import type { JSONObject, ProviderMetadata } from "./chunk-fields.js";

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
   * The session's `active_stream`, or whether there is one. An answer that is being written comes through its stream
   * alone, so the assistant and tool messages after the last user message are dropped from the server's list. Two things
   * are kept: with a `message_id` the message of that id, which the task continues, with the responses to its calls; and
   * with a `tool_name` other than `chat` everything, because the task is an operation's, which repeats nothing.
   */
  activeStream?: unknown;
}
