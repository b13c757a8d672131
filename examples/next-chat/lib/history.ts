// Stored messages in the shape of streamed ones, so that one component shows both.
import type { DynamicToolUIPart, UIMessage } from "rejoin";
import type { StoredMessage } from "./backend";

type ToolCall = NonNullable<StoredMessage["tool_calls"]>[number];

/** Tool messages are shown with the call that they answer. */
export function toUIMessages(stored: StoredMessage[]): UIMessage[] {
  const results = new Map(stored.flatMap((message) => (message.tool_call_id ? [[message.tool_call_id, message.content]] : [])));
  return stored.flatMap(({ id, role, content, tool_calls = [] }) => {
    if (role === "tool") return [];
    const calls = tool_calls.map((call) => toolPart(call, results.get(call.id)));
    return [{ id, role, parts: [...calls, { type: "text", text: content }] }];
  });
}

function toolPart({ id, function: called }: ToolCall, result: string | undefined): DynamicToolUIPart {
  const call = { type: "dynamic-tool", toolCallId: id, toolName: called.name, input: JSON.parse(called.arguments) } as const;
  return result === undefined ? { ...call, state: "input-available" } : { ...call, state: "output-available", output: JSON.parse(result) };
}
