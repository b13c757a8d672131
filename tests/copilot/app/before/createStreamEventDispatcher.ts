// Passes each chunk of a stream to its handler.

import { toast } from "../shared/toast";
import type { StreamChunk } from "./chat-types";
import {
  handleError, handleLoginNeeded, handleStreamEnd, handleTextChunk, handleTextEnded, handleToolCallStart, handleToolResponse, isRegionBlockedError,
  type HandlerDependencies,
} from "./handlers";

const RESPONSES = new Set<StreamChunk["type"]>(["text_chunk", "tool_call_start", "tool_response", "login_needed", "need_login", "error"]);

export function createStreamEventDispatcher(deps: HandlerDependencies): (chunk: StreamChunk) => void {
  return function dispatchStreamEvent(chunk) {
    if (RESPONSES.has(chunk.type)) deps.hasResponseRef.current = true;
    switch (chunk.type) {
      case "stream_start":
        if (chunk.taskId) deps.onActiveTaskStarted({ taskId: chunk.taskId, operationId: chunk.taskId, toolName: "chat" });
        break;
      case "text_chunk":
        return handleTextChunk(chunk, deps);
      case "text_ended":
        return handleTextEnded(deps);
      case "tool_call_start":
        return handleToolCallStart(chunk, deps);
      case "tool_response":
        return handleToolResponse(chunk, deps);
      case "login_needed":
      case "need_login":
        return handleLoginNeeded(chunk);
      case "stream_end":
        return handleStreamEnd(deps);
      case "error":
        handleError(chunk, deps);
        if (!isRegionBlockedError(chunk)) toast.error("Chat Error", { description: chunk.message ?? chunk.content ?? "Something went wrong" });
        break;
      default:
        break;
    }
  };
}
