/**
 * React hooks over a client. They keep no state of their own: what they show is the client's snapshot, which changes at
 * most once per frame and is the same object until it does.
 *
 * @packageDocumentation
 */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { ActiveTask, ChatStreams, StreamOutcome, StreamRequest, StreamSnapshot } from "../types/index.js";

/** Options of `useChatStream`. */
export interface UseChatStreamOptions {
  /** Goes on with what still runs when the component appears. */
  resume?: boolean;
  /** A stream of this session reached its outcome, whoever started it. The latest function given is called. */
  onFinish?: (outcome: StreamOutcome) => void;
}

/** What `useChatStream` gives: the snapshot, and what can be done. The functions stay the same for a session. */
export interface ChatStream extends StreamSnapshot {
  /** `startStream` */
  send: (request: string | StreamRequest) => Promise<StreamOutcome>;
  /** `stopStream` */
  stop: () => Promise<void>;
  /** `resumeSession` */
  resume: () => Promise<StreamOutcome | null>;
}

/** Shows a session's stream. A component that goes away leaves the stream alone: others may show it. */
export function useChatStream(streams: ChatStreams, sessionId: string, options: UseChatStreamOptions = {}): ChatStream {
  const watch = useCallback((changed: () => void) => streams.onSnapshot(sessionId, changed), [streams, sessionId]);
  const read = useCallback(() => streams.getSnapshot(sessionId), [streams, sessionId]);
  const atServer = useMemo(() => idle(sessionId), [sessionId]);
  const snapshot = useSyncExternalStore(watch, read, () => atServer);
  const actions = useMemo(
    () => ({
      send: (request: string | StreamRequest) => streams.startStream(sessionId, request),
      stop: () => streams.stopStream(sessionId),
      resume: () => streams.resumeSession(sessionId),
    }),
    [streams, sessionId],
  );
  useFinish(streams, sessionId, options.onFinish);
  useResume(actions.resume, options.resume === true);
  return useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
}

/** What a server shows, and so what hydration has to begin with, also where a stream runs by then. */
function idle(sessionId: string): StreamSnapshot {
  return { sessionId, status: "idle", message: null, attempt: 0, role: "owner" };
}

/** The saved tasks of all sessions, live, those of other tabs too. */
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

/** The function is kept in a ref: a new one with each render is no reason to subscribe anew. */
function useFinish(streams: ChatStreams, sessionId: string, onFinish: UseChatStreamOptions["onFinish"]): void {
  const latest = useRef(onFinish);
  useEffect(() => void (latest.current = onFinish));
  useEffect(
    () =>
      streams.onStreamComplete((session, outcome) => {
        if (session === sessionId) latest.current?.(outcome);
      }),
    [streams, sessionId],
  );
}

/** Twice is harmless (StrictMode): the second call joins the stream of the first. */
function useResume(resume: ChatStream["resume"], isWanted: boolean): void {
  useEffect(() => {
    if (isWanted) resume().catch(() => {});
  }, [resume, isWanted]);
}
