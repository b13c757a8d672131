// What a session's stream shows now; renders anew at most once per frame, because the client delivers so.
import type { StreamSnapshot } from "rejoin";
import { useCallback, useSyncExternalStore } from "react";
import { useChat } from "./useChat";

export function useSnapshot(sessionId: string): StreamSnapshot {
  const { streams } = useChat();
  const watch = useCallback((changed: () => void) => streams.onSnapshot(sessionId, changed), [streams, sessionId]);
  return useSyncExternalStore(watch, () => streams.getSnapshot(sessionId));
}
