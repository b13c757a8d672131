// Reads one line of an event stream, and turns either dialect of chunks into one.

import { RETRY_DELAY_MS } from "../shared/config";
import type { StreamChunk, VercelStreamChunk } from "./chat-types";

export const MAX_RETRIES = 3;
export const INITIAL_RETRY_DELAY = RETRY_DELAY_MS;

const PREFIX = "data: ";

const LEGACY = new Set<string>([
  "text_chunk", "text_ended", "tool_call_start", "tool_response", "login_needed", "need_login", "usage", "stream_end",
]);

export function parseSSELine(line: string): string | null {
  return line.startsWith(PREFIX) ? line.slice(PREFIX.length) : null;
}

export function isLegacyStreamChunk(chunk: StreamChunk | VercelStreamChunk): chunk is StreamChunk {
  return LEGACY.has(chunk.type) || (chunk.type === "error" && !("errorText" in chunk));
}

export function normalizeStreamChunk(chunk: StreamChunk | VercelStreamChunk): StreamChunk | null {
  if (isLegacyStreamChunk(chunk)) return chunk;
  const wire = chunk as VercelStreamChunk;
  switch (wire.type) {
    case "start":
      return wire.taskId ? { type: "stream_start", taskId: wire.taskId } : null;
    case "text-delta":
      return { type: "text_chunk", content: wire.delta };
    case "text-end":
      return { type: "text_ended" };
    case "tool-input-start":
      return { type: "tool_call_start", tool_id: wire.toolCallId, tool_name: wire.toolName, arguments: {} };
    case "tool-input-available":
      return { type: "tool_call_start", tool_id: wire.toolCallId, tool_name: wire.toolName, arguments: wire.input };
    case "tool-output-available":
      return { type: "tool_response", tool_id: wire.toolCallId, tool_name: wire.toolName ?? "", result: wire.output, success: wire.success ?? true };
    case "error":
      return { type: "error", message: wire.errorText, code: wire.code ?? "" };
    case "finish":
      return { type: "stream_end" };
    default:
      return null;
  }
}
