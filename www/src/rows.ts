// What stands on the page, top to bottom: the server's messages and this page's own, each once, tool results beside their calls.
import { mergeMessages, type UIMessage, type UIMessagePart } from "rejoin";
import type { StoredMessage, StoredToolCall } from "./api";
import type { Conversation, KnownMessage } from "./conversation";

export type Row =
  | { readonly kind: "question"; readonly id: string; readonly text: string }
  | { readonly kind: "answer"; readonly id: string; readonly message: UIMessage };

/** Rows of everything but the answer that is being streamed. @param ready Whether the WebAssembly is there; before it, nothing is stored that could be doubled. */
export function settledRows(conversation: Conversation, ready: boolean): readonly Row[] {
  const { stored, local, activeStream } = conversation;
  const messages = ready ? mergeMessages<KnownMessage>(stored, local, { activeStream }) : [...stored, ...local];
  const seen = new Map(local.map((message) => [message.id, message]));
  const results = toolResults(stored);
  return messages.flatMap((message) => rowsOf(seen.get(message.id) ?? message, results));
}

/** Adds the streamed answer: in its place where the server has it already, else at the end. */
export function withLive(rows: readonly Row[], live: UIMessage | null): readonly Row[] {
  if (!live) return rows;
  const row: Row = { kind: "answer", id: live.id, message: live };
  const place = rows.findIndex((one, at) => one.id === live.id || (at === rows.length - 1 && isSameAnswer(one, live)));
  return place < 0 ? [...rows, row] : rows.with(place, row);
}

/** A backend may store an answer under another id than it streams it. While one is streamed, no other comes last. */
function isSameAnswer(row: Row, live: UIMessage): boolean {
  if (row.kind !== "answer") return false;
  const [stored, streamed] = [textOf(row.message), textOf(live)];
  return stored.startsWith(streamed) || streamed.startsWith(stored);
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function rowsOf(message: KnownMessage, results: ReadonlyMap<string, StoredMessage>): Row[] {
  if ("parts" in message) return [{ kind: "answer", id: message.id, message }];
  if (message.role === "user") return [{ kind: "question", id: message.id, text: message.content }];
  if (message.role === "assistant") return [{ kind: "answer", id: message.id, message: toUIMessage(message, results) }];
  return [];
}

function toolResults(stored: readonly StoredMessage[]): ReadonlyMap<string, StoredMessage> {
  return new Map(stored.flatMap((message) => (message.tool_call_id ? [[message.tool_call_id, message] as const] : [])));
}

/** A stored answer in the shape of a streamed one. The store does not keep where in the text a tool was called. */
function toUIMessage(message: StoredMessage, results: ReadonlyMap<string, StoredMessage>): UIMessage {
  const tools = (message.tool_calls ?? []).map((call) => toolPart(call, results.get(call.id)));
  const text: UIMessagePart[] = message.content ? [{ type: "text", text: message.content, state: "done" }] : [];
  return { id: message.id, role: "assistant", parts: [...tools, ...text] };
}

function toolPart(call: StoredToolCall, result: StoredMessage | undefined): UIMessagePart {
  const known = { type: "dynamic-tool", toolCallId: call.id, toolName: call.function.name } as const;
  const input = parseJson(call.function.arguments);
  return result
    ? { ...known, state: "output-available", input, output: parseJson(result.content) }
    : { ...known, state: "input-available", input };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
