// Sends a message of a session and stops its answer, for the container.

import { useState } from "react";
import { toast } from "../shared/toast";
import { streams } from "./chat-streams";

export type { StreamChunk } from "./chat-types";

export function useChatStream() {
  const [error, setError] = useState<Error | null>(null);

  function stopStreaming(sessionId: string) {
    void streams.stopStream(sessionId);
  }

  async function sendMessage(sessionId: string, message: string, isUserMessage = true, context?: { url: string; content: string }) {
    setError(null);
    const outcome = await streams.startStream(sessionId, { message, isUserMessage, ...(context && { context }) });
    if (outcome.kind !== "failed" && outcome.kind !== "expired") return;
    const failure = outcome.error ?? new Error("The answer is gone");
    setError(failure);
    toast.error("Connection Failed", { description: "The chat cannot be reached. Please try again." });
    throw failure;
  }

  return { error, sendMessage, stopStreaming };
}
