/** The handlers of `createStreamEventDispatcher`. */

import type { StreamChunk } from "./chunks.js";
import type {
  CredentialsNeededChunk, ErrorChunk, LoginNeededChunk, StreamEndChunk, StreamStartChunk, TextChunk, TextEndedChunk, ToolCallStartChunk, ToolResponseChunk, UsageChunk,
} from "./legacy-chunks.js";

/**
 * The handlers of `createStreamEventDispatcher`, all optional. If a handler throws, the error goes to `reportError` and the
 * other handlers still run.
 */
export interface StreamEventHandlers {
  /** Called once per task. The start of another task resets what the dispatcher remembers. */
  onStreamStart?: (chunk: StreamStartChunk) => void;
  /** Called for each piece of text. */
  onTextChunk?: (chunk: TextChunk) => void;
  /** Called once per text block, at the latest before the end of the stream. */
  onTextEnded?: (chunk: TextEndedChunk) => void;
  /** Called once per tool id. */
  onToolCallStart?: (chunk: ToolCallStartChunk) => void;
  /** Called for each later start of the same tool id, which has the arguments. */
  onToolCallUpdate?: (chunk: ToolCallStartChunk) => void;
  /**
   * Called once per tool id with the final response, and before that with each response that is `preliminary` or says that
   * an operation was started.
   */
  onToolResponse?: (chunk: ToolResponseChunk) => void;
  /** Called once, for the first `login_needed` or `need_login`. */
  onLoginNeeded?: (chunk: LoginNeededChunk) => void;
  /** Called for each `credentials_needed`. */
  onCredentialsNeeded?: (chunk: CredentialsNeededChunk) => void;
  /** Called for each `usage`. */
  onUsage?: (chunk: UsageChunk) => void;
  /** Called last if the task failed; `onStreamEnd` is not called then. */
  onError?: (chunk: ErrorChunk) => void;
  /** Called last if the task finished or was stopped; `onError` is not called then. */
  onStreamEnd?: (chunk: StreamEndChunk) => void;
  /** Called for every other chunk: reasoning, data, sources, steps, `tool_call`, `abort` and unknown types. */
  onOther?: (chunk: StreamChunk) => void;
}

/** Passes one chunk, or several in order, to the handlers. */
export type StreamEventDispatcher = (chunk: StreamChunk | readonly StreamChunk[]) => void;
