// What each chunk of a stream does to the state of the container.

import type { Dispatch, RefObject, SetStateAction } from "react";
import { isOperation, parseToolResponse, type ChatMessageData } from "../shared/messages";
import { toast } from "../shared/toast";
import type { StreamChunk } from "./chat-types";

export interface HandlerDependencies {
  setHasTextChunks: Dispatch<SetStateAction<boolean>>;
  setStreamingChunks: Dispatch<SetStateAction<string[]>>;
  setMessages: Dispatch<SetStateAction<ChatMessageData[]>>;
  setIsStreamingInitiated: Dispatch<SetStateAction<boolean>>;
  setIsRegionBlockedModalOpen: Dispatch<SetStateAction<boolean>>;
  streamingChunksRef: RefObject<string[]>;
  hasResponseRef: RefObject<boolean>;
  textFinalizedRef: RefObject<boolean>;
  streamEndedRef: RefObject<boolean>;
  onOperationStarted: () => void;
  onStreamEnd: () => void;
  onActiveTaskStarted: (task: { taskId: string; operationId: string; toolName: string }) => void;
}

const NO_RESPONSE = "No response received. Please try again.";

export function isRegionBlockedError(chunk: StreamChunk): boolean {
  if (chunk.code === "MODEL_NOT_AVAILABLE_REGION") return true;
  return (chunk.message ?? chunk.content ?? "").toLowerCase().includes("not available in your region");
}

export function handleTextChunk(chunk: StreamChunk, deps: HandlerDependencies): void {
  const { content } = chunk;
  if (!content) return;
  deps.setHasTextChunks(true);
  deps.setStreamingChunks((previous) => {
    const updated = [...previous, content];
    deps.streamingChunksRef.current = updated;
    return updated;
  });
}

export function handleTextEnded(deps: HandlerDependencies): void {
  if (deps.textFinalizedRef.current) return;
  const text = deps.streamingChunksRef.current.join("");
  if (text.trim()) {
    deps.textFinalizedRef.current = true;
    deps.setMessages((previous) => withText(previous, text));
  }
  clearText(deps);
}

export function handleToolCallStart(chunk: StreamChunk, deps: HandlerDependencies): void {
  const toolId = chunk.tool_id ?? "unknown";
  deps.setMessages((previous) => {
    if (previous.some((row) => row.type === "tool_call" && row.toolId === toolId)) return previous;
    return [...previous, { type: "tool_call", toolId, toolName: chunk.tool_name ?? "Executing" }];
  });
}

export function handleToolResponse(chunk: StreamChunk, deps: HandlerDependencies): void {
  const toolId = chunk.tool_id ?? "unknown";
  let toolName = chunk.tool_name || "unknown";
  deps.setMessages((previous) => {
    const call = previous.find((row) => row.type === "tool_call" && row.toolId === toolId);
    if (call?.type === "tool_call") toolName = call.toolName;
    return previous;
  });
  const response = parseToolResponse(chunk.result, toolId, toolName);
  if (isOperation(response)) {
    deps.onOperationStarted();
    if (response.operationTaskId) deps.onActiveTaskStarted({ taskId: response.operationTaskId, operationId: response.operationId, toolName: response.toolName });
  }
  deps.setMessages((previous) => {
    if (previous.some((row) => row.type !== "message" && row.type !== "tool_call" && row.toolId === toolId)) return previous;
    const call = previous.findIndex((row) => row.type === "tool_call" && row.toolId === toolId);
    return call < 0 ? [...previous, response] : previous.toSpliced(call + 1, 0, response);
  });
}

export function handleLoginNeeded(chunk: StreamChunk): void {
  toast.error("Sign in", { description: chunk.message ?? "Please sign in to use the chat" });
}

export function handleStreamEnd(deps: HandlerDependencies): void {
  if (deps.streamEndedRef.current) return;
  deps.streamEndedRef.current = true;
  const text = deps.streamingChunksRef.current.join("");
  if (!text.trim() && !deps.hasResponseRef.current) deps.setMessages((previous) => withText(previous, NO_RESPONSE));
  if (text.trim() && !deps.textFinalizedRef.current) {
    deps.textFinalizedRef.current = true;
    deps.setMessages((previous) => withText(previous, text));
  }
  clearText(deps);
  deps.setIsStreamingInitiated(false);
  deps.setMessages([]);
  deps.onStreamEnd();
}

export function handleError(chunk: StreamChunk, deps: HandlerDependencies): void {
  if (isRegionBlockedError(chunk)) deps.setIsRegionBlockedModalOpen(true);
  clearText(deps);
  deps.setIsStreamingInitiated(false);
  deps.textFinalizedRef.current = false;
  deps.streamEndedRef.current = true;
}

function withText(rows: ChatMessageData[], content: string): ChatMessageData[] {
  if (rows.some((row) => row.type === "message" && row.role === "assistant" && row.content === content)) return rows;
  return [...rows, { type: "message", role: "assistant", content }];
}

function clearText(deps: HandlerDependencies): void {
  deps.setStreamingChunks([]);
  deps.streamingChunksRef.current = [];
  deps.setHasTextChunks(false);
}
