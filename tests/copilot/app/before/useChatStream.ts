// Sends a message of a session and stops its answer, for the container.

import { useEffect, useRef, useState } from "react";
import { toast } from "../shared/toast";
import { useChatStore } from "./chat-store";
import type { StreamListener } from "./chat-types";

export type { StreamChunk } from "./chat-types";

export function useChatStream() {
  const [error, setError] = useState<Error | null>(null);
  const currentSessionIdRef = useRef<string | null>(null);
  const startStream = useChatStore((store) => store.startStream);
  const stopStream = useChatStore((store) => store.stopStream);
  const getStreamStatus = useChatStore((store) => store.getStreamStatus);
  const getCompletedStream = useChatStore((store) => store.getCompletedStream);
  const registerActiveSession = useChatStore((store) => store.registerActiveSession);
  const unregisterActiveSession = useChatStore((store) => store.unregisterActiveSession);
  const isSessionActive = useChatStore((store) => store.isSessionActive);

  function stopStreaming(sessionId?: string) {
    const target = sessionId ?? currentSessionIdRef.current;
    if (!target) return;
    stopStream(target);
    unregisterActiveSession(target);
  }

  useEffect(() => {
    return function cleanup() {
      const sessionId = currentSessionIdRef.current;
      if (sessionId && !isSessionActive(sessionId)) stopStream(sessionId);
      currentSessionIdRef.current = null;
    };
  }, [isSessionActive, stopStream]);

  async function sendMessage(
    sessionId: string,
    message: string,
    onChunk: StreamListener,
    isUserMessage = true,
    context?: { url: string; content: string },
  ) {
    const previous = currentSessionIdRef.current;
    if (previous && previous !== sessionId) stopStreaming(previous);
    currentSessionIdRef.current = sessionId;
    setError(null);
    registerActiveSession(sessionId);
    await startStream(sessionId, message, isUserMessage, context, onChunk);
    unregisterActiveSession(sessionId);
    const completed = getCompletedStream(sessionId);
    if (getStreamStatus(sessionId) !== "error" || !completed?.error) return;
    setError(completed.error);
    toast.error("Connection Failed", { description: "The chat cannot be reached. Please try again." });
    throw completed.error;
  }

  return { error, sendMessage, stopStreaming };
}
