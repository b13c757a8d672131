// The chunks of a stream, and what the store keeps of it.

export type StreamStatus = "idle" | "streaming" | "completed" | "error";

export interface StreamChunk {
  type:
    | "stream_start"
    | "text_chunk"
    | "text_ended"
    | "tool_call_start"
    | "tool_response"
    | "login_needed"
    | "need_login"
    | "error"
    | "usage"
    | "stream_end";
  taskId?: string;
  content?: string;
  message?: string;
  code?: string;
  tool_id?: string;
  tool_name?: string;
  arguments?: unknown;
  result?: unknown;
  success?: boolean;
  [key: string]: unknown;
}

export type VercelStreamChunk =
  | { type: "start"; messageId: string; taskId?: string | null }
  | { type: "text-start"; id: string }
  | { type: "text-delta"; id: string; delta: string }
  | { type: "text-end"; id: string }
  | { type: "tool-input-start"; toolCallId: string; toolName: string }
  | { type: "tool-input-available"; toolCallId: string; toolName: string; input: unknown }
  | { type: "tool-output-available"; toolCallId: string; toolName?: string; output: unknown; success?: boolean }
  | { type: "error"; errorText: string; code?: string }
  | { type: "finish" };

export type StreamListener = (chunk: StreamChunk) => void;

export interface ActiveStream {
  sessionId: string;
  abortController: AbortController;
  status: StreamStatus;
  chunks: StreamChunk[];
  listeners: Set<StreamListener>;
  error?: Error;
}

export interface StreamResult {
  status: StreamStatus;
  chunks: StreamChunk[];
  error?: Error | undefined;
}

export interface ActiveTaskInfo {
  taskId: string;
  sessionId: string;
  operationId: string;
  toolName: string;
  lastMessageId: string;
  startedAt: number;
}
