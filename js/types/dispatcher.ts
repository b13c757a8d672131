/** The handlers of `createStreamEventDispatcher`. */

import type { StreamChunk } from "./chunks.js";
import type {
  CredentialsNeededChunk, ErrorChunk, LoginNeededChunk, StreamEndChunk, StreamStartChunk, TextChunk, TextEndedChunk, ToolCallStartChunk, ToolResponseChunk, UsageChunk,
} from "./legacy-chunks.js";

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
