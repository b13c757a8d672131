/** Converts the messages that a backend stores (PROTOCOL §1) into messages to show. */

import { PENDING, isId, parse, record } from "../../message/fields.js";
import { errorText } from "../../message/tool-result.js";
import { defined } from "../../streams/defined.js";
import type { Fields } from "../../message/fields.js";
import type { UIMessage, UIMessagePart } from "../../types/index.js";

/**
 * Returns the messages of a history. A `UIMessage` is taken as it is, and so are the `parts` of a stored message. Without `parts`
 * the texts, the calls and the results of an answer become the parts of one message. A message without an id gets one from its
 * place in the list.
 */
export function toUIMessages<MESSAGE extends UIMessage = UIMessage>(stored: readonly unknown[]): MESSAGE[] {
  const messages: UIMessage[] = [];
  /** Whether the last message is an answer that later texts and calls continue. */
  let isOpen = false;
  for (const [place, item] of stored.entries()) {
    const fields = record(item);
    if (fields["role"] === "tool") settle(messages, fields);
    const message = messageOf(fields, place);
    if (!message) continue;
    const isBare = message.role === "assistant" && !hasParts(fields);
    const last = messages.at(-1);
    if (isOpen && isBare && last) messages[messages.length - 1] = { ...last, parts: [...last.parts, ...message.parts] };
    else messages.push(message);
    isOpen = isBare;
  }
  return messages as MESSAGE[];
}

function messageOf(fields: Fields, place: number): UIMessage | undefined {
  const { id, role, parts, metadata } = fields;
  if (role !== "user" && role !== "assistant" && role !== "system") return undefined;
  if (Array.isArray(parts) && isId(id) && !("content" in fields)) return fields as unknown as UIMessage;
  return defined({
    id: isId(id) ? String(id) : `message-${place}`,
    role,
    metadata: metadata ?? undefined,
    parts: hasParts(fields) ? (parts as UIMessagePart[]) : partsOf(fields),
  }) as UIMessage;
}

function hasParts({ parts }: Fields): boolean {
  return Array.isArray(parts) && parts.length > 0;
}

function partsOf({ content, tool_calls: calls }: Fields): UIMessagePart[] {
  const parts: UIMessagePart[] = [];
  if (Array.isArray(content)) parts.push(...(content as UIMessagePart[]));
  else if (typeof content === "string" && content !== "") parts.push({ type: "text", text: content, state: "done" });
  for (const call of Array.isArray(calls) ? calls : []) parts.push(callPart(record(call)));
  return parts;
}

function callPart({ id, function: called }: Fields): UIMessagePart {
  const { name, arguments: input } = record(called);
  return { type: `tool-${String(name)}`, toolCallId: String(id), state: "input-available", input: parsed(input) };
}

/** Puts a stored result into the call that it answers, unless the `parts` of the message have it. */
function settle(messages: UIMessage[], { tool_call_id: id, content }: Fields): void {
  for (const [place, message] of messages.entries()) {
    const isUnsettled = (part: Fields): boolean => part["toolCallId"] === id && part["state"] === "input-available";
    if (!(message.parts as unknown as Fields[]).some(isUnsettled)) continue;
    const result = resultOf(parsed(content));
    const parts = (message.parts as unknown as Fields[]).map((part) => (isUnsettled(part) ? { ...part, ...result } : part));
    messages[place] = { ...message, parts: parts as unknown as UIMessagePart[] };
  }
}

/** The result of an operation that still runs is `preliminary`, because a later one replaces it (PROTOCOL §5, §7). */
function resultOf(output: unknown): Fields {
  const { type, success } = record(output);
  if (success === false) return { state: "output-error", errorText: errorText(output) };
  return defined({ state: "output-available", output, preliminary: PENDING.has(type) || undefined });
}

/** Returns the value of JSON text, and any other value itself. */
function parsed(value: unknown): unknown {
  return typeof value === "string" ? parse(value) : value;
}
