/** The events of a conversation: what has ended, failed or arrived, once and never for what is replayed. */

import { guard } from "../types/report.js";
import type { ConversationEvents, StreamChunk } from "../types/index.js";

type Callbacks = { [EVENT in keyof ConversationEvents]: Set<{ callback: ConversationEvents[EVENT] }> };

/** Calls the app's functions. One that throws does not stop the others. */
export class Events {
  readonly #callbacks: Callbacks = { finish: new Set(), error: new Set(), toolCall: new Set(), data: new Set() };
  /** The inputs of tool calls that were reported. */
  readonly #calls = new Set<string>();

  on<EVENT extends keyof ConversationEvents>(event: EVENT, callback: ConversationEvents[EVENT]): () => void {
    const entry = { callback };
    this.#callbacks[event].add(entry);
    return () => void this.#callbacks[event].delete(entry);
  }

  emit<EVENT extends keyof ConversationEvents>(event: EVENT, value: Parameters<ConversationEvents[EVENT]>[0]): void {
    for (const { callback } of [...this.#callbacks[event]]) guard(() => (callback as (value: unknown) => void)(value));
  }

  /** Reports what a chunk of the stream brings. */
  take(chunk: StreamChunk): void {
    if (chunk.replayed || chunk.unknown) return;
    const fields = chunk as unknown as Record<string, unknown>;
    if (chunk.type === "tool_call_start" && fields["inputState"] !== "streaming") this.#takeCall(fields);
    else if (chunk.type.startsWith("data-")) this.#takeData(fields);
  }

  #takeCall({ tool_id: toolCallId, tool_name: toolName, arguments: input, providerExecuted }: Record<string, unknown>): void {
    const key = JSON.stringify([toolCallId, input]);
    if (typeof toolCallId !== "string" || typeof toolName !== "string" || providerExecuted === true || this.#calls.has(key)) return;
    this.#calls.add(key);
    this.emit("toolCall", { toolCallId, toolName, input });
  }

  #takeData({ type, id, data }: Record<string, unknown>): void {
    this.emit("data", { type: type as `data-${string}`, ...(typeof id === "string" && { id }), data });
  }
}
