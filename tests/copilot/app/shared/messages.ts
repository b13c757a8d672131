// The rows of the chat, and how stored messages and tool results become rows.

import type { StoredMessage } from "./api";

/** The task that wrote a row of a stream. */
interface Origin {
  taskId?: string;
}

export interface TextRow extends Origin {
  type: "message";
  role: "user" | "assistant";
  content: string;
}

export interface ToolCallRow extends Origin {
  type: "tool_call";
  toolId: string;
  toolName: string;
}

export interface ToolResponseRow extends Origin {
  type: "tool_response";
  toolId: string;
  toolName: string;
  result: unknown;
}

export interface OperationRow extends Origin {
  type: "operation_started" | "operation_pending";
  toolId: string;
  toolName: string;
  operationId: string;
  operationTaskId: string;
}

export type ChatMessageData = TextRow | ToolCallRow | ToolResponseRow | OperationRow;

export function isOperation(row: ChatMessageData): row is OperationRow {
  return row.type === "operation_started" || row.type === "operation_pending";
}

/** Returns the text of a message without the page's context, which some backends store in front of it. */
export function withoutPageContext(text: string): string {
  return text.replace(/^\[Page: [^\]]*\]\n[^]*?\n\n/, "");
}

/** Parses a tool's result, which may be JSON text. */
export function parseToolResponse(result: unknown, toolId: string, toolName: string): ToolResponseRow | OperationRow {
  const value = typeof result === "string" ? parsed(result) : result;
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, string>;
  if (fields["type"] !== "operation_started" && fields["type"] !== "operation_pending") return { type: "tool_response", toolId, toolName, result: value };
  return {
    type: fields["type"],
    toolId,
    toolName: fields["tool_name"] ?? toolName,
    operationId: fields["operation_id"] ?? "",
    operationTaskId: fields["task_id"] ?? "",
  };
}

export function processInitialMessages(stored: readonly StoredMessage[]): ChatMessageData[] {
  const names = new Map<string, string>();
  return stored.flatMap((message) => rowsOf(message, names));
}

function rowsOf(message: StoredMessage, names: Map<string, string>): ChatMessageData[] {
  const { role, content, tool_calls: calls, tool_call_id: toolId } = message;
  if (role === "user") return [{ type: "message", role, content: withoutPageContext(content ?? "") }];
  if (role === "tool") return toolId ? [parseToolResponse(content, toolId, names.get(toolId) ?? message.name ?? "unknown")] : [];
  const text: ChatMessageData[] = content ? [{ type: "message", role: "assistant", content }] : [];
  const called = (calls ?? []).map((call): ToolCallRow => {
    names.set(call.id, call.function.name);
    return { type: "tool_call", toolId: call.id, toolName: call.function.name };
  });
  return [...text, ...called];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
