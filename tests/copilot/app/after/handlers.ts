// What each chunk of a stream does to the state of the container.

import type { StreamEventHandlers } from "rejoin";
import type { Dispatch, RefObject, SetStateAction } from "react";
import { isOperation, parseToolResponse, type ChatMessageData } from "../shared/messages";
import { toast } from "../shared/toast";
import type { StreamChunk } from "./chat-types";

export interface HandlerDependencies {
  setStreamingChunks: Dispatch<SetStateAction<string[]>>;
  setMessages: Dispatch<SetStateAction<ChatMessageData[]>>;
  setIsRegionBlockedModalOpen: Dispatch<SetStateAction<boolean>>;
  streamingChunksRef: RefObject<string[]>;
  hasResponseRef: RefObject<boolean>;
  taskIdRef: RefObject<string>;
  toolNamesRef: RefObject<Map<string, string>>;
  onOperationStarted: () => void;
}

const NO_RESPONSE = "No response received. Please try again.";

export function isRegionBlockedError(chunk: StreamChunk): boolean {
  if (chunk.code === "MODEL_NOT_AVAILABLE_REGION") return true;
  return (chunk.message ?? chunk.content ?? "").toLowerCase().includes("not available in your region");
}

export function createHandlers(deps: HandlerDependencies): StreamEventHandlers {
  /** What counts as a response. */
  const response = (handle: (chunk: StreamChunk, deps: HandlerDependencies) => void) => (chunk: StreamChunk) => {
    deps.hasResponseRef.current = true;
    handle(chunk, deps);
  };
  return {
    onStreamStart: (chunk) => handleStreamStart(chunk, deps),
    onTextChunk: response(handleTextChunk),
    onTextEnded: () => handleTextEnded(deps),
    onToolCallStart: response(handleToolCallStart),
    onToolResponse: response(handleToolResponse),
    onLoginNeeded: response(handleLoginNeeded),
    onStreamEnd: () => handleStreamEnd(deps),
    onError: response(handleError),
  };
}

function handleStreamStart(chunk: StreamChunk, deps: HandlerDependencies): void {
  deps.taskIdRef.current = chunk.taskId ?? "";
  deps.hasResponseRef.current = false;
}

export function handleTextChunk(chunk: StreamChunk, deps: HandlerDependencies): void {
  const { content } = chunk;
  if (!content) return;
  deps.streamingChunksRef.current = [...deps.streamingChunksRef.current, content];
  deps.setStreamingChunks(deps.streamingChunksRef.current);
}

export function handleTextEnded(deps: HandlerDependencies): void {
  const text = deps.streamingChunksRef.current.join("");
  if (text.trim()) addText(text, deps);
  clearText(deps);
}

export function handleToolCallStart(chunk: StreamChunk, deps: HandlerDependencies): void {
  const toolId = chunk.tool_id ?? "unknown";
  const toolName = chunk.tool_name ?? "Executing";
  const taskId = deps.taskIdRef.current;
  deps.toolNamesRef.current.set(toolId, toolName);
  deps.setMessages((previous) => [...previous, { type: "tool_call", toolId, toolName, taskId }]);
}

export function handleToolResponse(chunk: StreamChunk, deps: HandlerDependencies): void {
  const toolId = chunk.tool_id ?? "unknown";
  const toolName = chunk.tool_name || (deps.toolNamesRef.current.get(toolId) ?? "unknown");
  const response = { ...parseToolResponse(chunk.result, toolId, toolName), taskId: deps.taskIdRef.current };
  if (isOperation(response) && !chunk["replayed"]) deps.onOperationStarted();
  deps.setMessages((previous) => {
    const earlier = previous.findIndex((row) => row.type !== "message" && row.type !== "tool_call" && row.toolId === toolId);
    if (earlier >= 0) return previous.with(earlier, response);
    const call = previous.findIndex((row) => row.type === "tool_call" && row.toolId === toolId);
    return call < 0 ? [...previous, response] : previous.toSpliced(call + 1, 0, response);
  });
}

export function handleLoginNeeded(chunk: StreamChunk): void {
  toast.error("Sign in", { description: chunk.message ?? "Please sign in to use the chat" });
}

export function handleStreamEnd(deps: HandlerDependencies): void {
  if (!deps.hasResponseRef.current) addText(NO_RESPONSE, deps);
}

export function handleError(chunk: StreamChunk, deps: HandlerDependencies): void {
  clearText(deps);
  if (isRegionBlockedError(chunk)) deps.setIsRegionBlockedModalOpen(true);
  else if (!chunk["replayed"]) toast.error("Chat Error", { description: chunk.message ?? chunk.content ?? "Something went wrong" });
}

/** The stream starts over, so its earlier rows are removed. */
export function handleReset(deps: HandlerDependencies): void {
  const taskId = deps.taskIdRef.current;
  deps.setMessages((previous) => previous.filter((row) => row.taskId === undefined || row.taskId !== taskId));
  clearText(deps);
}

function addText(content: string, deps: HandlerDependencies): void {
  const taskId = deps.taskIdRef.current;
  deps.setMessages((previous) => [...previous, { type: "message", role: "assistant", content, taskId }]);
}

export function clearText(deps: HandlerDependencies): void {
  deps.setStreamingChunks([]);
  deps.streamingChunksRef.current = [];
}
