/** Implements `useChatStream`, the hook for one answer of a session. */

import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { ChatStreams, StreamOutcome, StreamRequest, StreamSnapshot } from "../types/index.js";

/** The options of `useChatStream`. */
export interface UseChatStreamOptions {
  /** Whether the hook calls `resumeSession` when the component mounts. */
  resume?: boolean;
  /** Called when a stream of this session ends, whoever started it. The function of the latest render is called. */
  onFinish?: (outcome: StreamOutcome) => void;
}

/** The result of `useChatStream`: the snapshot and three actions. The functions stay the same for a session. */
export interface ChatStream extends StreamSnapshot {
  /** Calls `startStream` for the session. */
  send: (request: string | StreamRequest) => Promise<StreamOutcome>;
  /** Calls `stopStream` for the session. */
  stop: () => Promise<void>;
  /** Calls `resumeSession` for the session. */
  resume: () => Promise<StreamOutcome | null>;
}

/** Returns the stream of a session. Unmounting the component does not end the stream, because others may show it. */
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

/** The snapshot of server rendering. Hydration has to begin with the same, even if a stream runs by then. */
function idle(sessionId: string): StreamSnapshot {
  return { sessionId, status: "idle", message: null, attempt: 0, role: "owner" };
}

/** Calls the latest `onFinish`. A ref holds it, so that a new function in each render does not subscribe again. */
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

/** Resumes the session. In StrictMode this runs twice, which is harmless: the second call joins the stream of the first. */
function useResume(resume: ChatStream["resume"], isWanted: boolean): void {
  useEffect(() => {
    if (isWanted) resume().catch(() => {});
  }, [resume, isWanted]);
}
