// The chunks that the handlers know.

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
