/** The types of messages: those of the AI SDK, and the shapes that `mergeMessages` accepts. */

import type { JSONObject, ProviderMetadata } from "./chunk-fields.js";

/** A message in the AI SDK's shape. Treat it as immutable: the client creates a new object for each change. */
export interface UIMessage {
  /** The id of the message. It is the id on the server once a `start` chunk has named that. */
  id: string;
  role: "system" | "user" | "assistant";
  metadata?: unknown;
  /** The parts in the order in which they began. A part that has not changed is the same object as before. */
  parts: UIMessagePart[];
}

/** Any part of a message. */
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

/** A block of text. */
export interface TextUIPart {
  type: "text";
  text: string;
  /** `streaming` while more text may follow. */
  state?: "streaming" | "done";
  providerMetadata?: ProviderMetadata;
}

/** A block of the model's reasoning. */
export interface ReasoningUIPart {
  type: "reasoning";
  id?: string;
  text: string;
  /** `streaming` while more text may follow. */
  state?: "streaming" | "done";
  providerMetadata?: ProviderMetadata;
}

/** The question whether a tool may run, and the user's answer. */
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

/** The state of a tool call, with the fields that it has in that state. */
export type ToolCallState =
  | {
      state: "input-streaming";
      /** The input so far: its incomplete JSON with all open strings, arrays and objects closed. */
      input?: any;
      /** The text of the input so far, unparsed. */
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
      /** True if a more complete output follows. */
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

/** The fields of every tool part. */
export interface ToolCallFields {
  toolCallId: string;
  title?: string;
  toolMetadata?: JSONObject;
  /** True if the model provider runs the tool itself. */
  providerExecuted?: boolean;
}

/** A call of a tool that the app knows at build time. The type contains its name. */
export type ToolUIPart = ToolCallFields & { type: `tool-${string}` } & ToolCallState;

/** A call of a tool that the app does not know at build time. */
export type DynamicToolUIPart = ToolCallFields & { type: "dynamic-tool"; toolName: string } & ToolCallState;

/** A web page that the answer is based on. */
export interface SourceUrlUIPart {
  type: "source-url";
  sourceId: string;
  url: string;
  title?: string;
  providerMetadata?: ProviderMetadata;
}

/** A document that the answer is based on. */
export interface SourceDocumentUIPart {
  type: "source-document";
  sourceId: string;
  mediaType: string;
  title: string;
  filename?: string;
  providerMetadata?: ProviderMetadata;
}

/** A file that belongs to the message. */
export interface FileUIPart {
  type: "file";
  mediaType: string;
  filename?: string;
  url: string;
  providerMetadata?: ProviderMetadata;
}

/** A file that belongs to the reasoning. */
export interface ReasoningFileUIPart {
  type: "reasoning-file";
  mediaType: string;
  url: string;
  providerMetadata?: ProviderMetadata;
}

/** Content that only one model provider knows. */
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

/** A user message that was added while the model wrote the answer. */
export interface SteeringMessageUIPart {
  type: "steering-message";
  id: string;
  parts: Array<TextUIPart | FileUIPart>;
}

/** Marks the beginning of a step. */
export interface StepStartUIPart {
  type: "step-start";
}

/**
 * A message in any of the shapes that apps keep in lists: as the server stores it (`role`, `content`, `tool_calls`,
 * `tool_call_id`), as an app on the legacy dialect shows it (`type`, `toolId`, `operationId`), or a `UIMessage` (`parts`).
 * `mergeMessages` reads only these fields and returns the same objects.
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

/** The options of `mergeMessages`. */
export interface MergeOptions {
  /**
   * The session's `active_stream`, or whether there is one. An answer that is being written comes through its stream
   * alone, so the assistant and tool messages after the last user message are dropped from the server's list. Two things
   * are kept: with a `message_id` the message of that id, which the task continues, with the responses to its calls; and
   * with a `tool_name` other than `chat` everything, because the task is an operation's, which repeats nothing.
   */
  activeStream?: unknown;
}
