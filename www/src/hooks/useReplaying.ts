// Whether what arrives is what this browser had already before its last reload.
import { useEffect, useState } from "react";
import { useChat } from "./useChat";

export function useReplaying(sessionId: string): boolean {
  const { streams } = useChat();
  const [replaying, setReplaying] = useState(false);
  useEffect(
    () =>
      streams.subscribeToStream(sessionId, {
        onBatch: (chunks) => setReplaying(chunks.at(-1)?.replayed === true),
        onStatus: (status) => status !== "streaming" && setReplaying(false),
      }),
    [streams, sessionId],
  );
  return replaying;
}
