/** The events of a conversation: what has ended, failed or arrived, once and never for what is replayed. */

import { Callbacks } from "../streams/callbacks.js";
import { defined } from "../streams/defined.js";
import type { ConversationEvents, StreamChunk } from "../types/index.js";
import type { Fields } from "../message/fields.js";

type Given<EVENT extends keyof ConversationEvents> = Parameters<ConversationEvents[EVENT]>;
export type Events = ReturnType<typeof createEvents>;

export function createEvents() {
  const callbacks = { finish: new Callbacks<Given<"finish">>(), error: new Callbacks<Given<"error">>(), toolCall: new Callbacks<Given<"toolCall">>(), data: new Callbacks<Given<"data">>() };
  /** The inputs of tool calls that were reported. */
  const calls = new Set<string>();

  const takeCall = ({ tool_id: toolCallId, tool_name: toolName, arguments: input, providerExecuted, inputState }: Fields): void => {
    const key = JSON.stringify([toolCallId, input]);
    if (typeof toolCallId !== "string" || typeof toolName !== "string" || providerExecuted === true || inputState === "streaming" || calls.has(key)) return;
    calls.add(key);
    callbacks.toolCall.call({ toolCallId, toolName, input });
  };

  return {
    ...callbacks,

    /** Reports what a chunk of the stream brings. */
    take(chunk: StreamChunk): void {
      if (chunk.replayed || chunk.unknown) return;
      const { type, id, data } = chunk as unknown as { type: `data-${string}`; id?: string; data: unknown };
      if (chunk.type === "tool_call_start") takeCall(chunk as unknown as Fields);
      if (type.startsWith("data-")) callbacks.data.call({ type, ...defined({ id }), data });
    },
  };
}
