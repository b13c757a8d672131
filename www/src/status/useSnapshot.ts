// Returns the snapshot of a session's stream. The component renders at most once per frame, because the client delivers so.
import type { ChatStreams, StreamSnapshot } from "rejoin";
import { useCallback, useSyncExternalStore } from "react";

export function useSnapshot(streams: ChatStreams, sessionId: string): StreamSnapshot {
  const watch = useCallback((changed: () => void) => streams.onSnapshot(sessionId, changed), [streams, sessionId]);
  return useSyncExternalStore(watch, () => streams.getSnapshot(sessionId));
}
