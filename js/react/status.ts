/** Hooks for parts of a user interface that show less than an answer. */

import { useCallback, useRef, useSyncExternalStore } from "react";
import type { ActiveTask, ChatStreams, StreamStatus } from "../types/index.js";

/** Returns the status of a session's stream. The component renders when that changes, and not for each delta. */
export function useStreamStatus(streams: ChatStreams, sessionId: string): StreamStatus {
  const watch = useCallback((changed: () => void) => streams.onSnapshot(sessionId, changed), [streams, sessionId]);
  const read = useCallback(() => streams.getStreamStatus(sessionId), [streams, sessionId]);
  return useSyncExternalStore(watch, read, () => "idle");
}

/** Returns the saved tasks of all sessions, including those of other tabs, and updates when they change. */
export function useActiveTasks(streams: ChatStreams): readonly ActiveTask[] {
  const last = useRef<{ text: string; tasks: readonly ActiveTask[] }>(NO_TASKS);
  const watch = useCallback((changed: () => void) => streams.onActiveTasks(changed), [streams]);
  const read = useCallback(() => {
    const tasks = streams.listActiveTasks();
    const text = JSON.stringify(tasks);
    if (text !== last.current.text) last.current = { text, tasks };
    return last.current.tasks;
  }, [streams]);
  return useSyncExternalStore(watch, read, () => NO_TASKS.tasks);
}

const NO_TASKS = { text: "[]", tasks: [] as readonly ActiveTask[] };
