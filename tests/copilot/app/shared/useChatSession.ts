// The stored session. It is loaded when it is opened and when a caller asks for it, and polled while it has an operation.

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { getSession, type Session, type StoredMessage } from "./api";
import { POLL_MS } from "./config";

/** The last loaded messages of each session. A chat that is opened again shows them at once and loads the session again. */
const cache = new Map<string, Session>();

export function useChatSession(sessionId: string | null) {
  const [, setLoads] = useState(0);
  const [isForced, setIsForced] = useState(false);
  const hasSeenPendingRef = useRef(false);
  const latestRef = useRef(0);

  const refetch = useCallback(
    async function refetch() {
      if (!sessionId) return;
      const request = (latestRef.current += 1);
      const loaded = await getSession(sessionId);
      if (request !== latestRef.current) return;
      cache.set(sessionId, loaded);
      setLoads((loads) => loads + 1);
    },
    [sessionId],
  );

  useEffect(
    function load() {
      refetch().catch((error: unknown) => console.warn("The session was not loaded:", error));
    },
    [refetch],
  );

  const session = (sessionId && cache.get(sessionId)) || null;
  const messages = session?.messages;
  const isPendingOnServer = useMemo(() => messages?.some(isPending) ?? false, [messages]);
  const isPolling = isPendingOnServer || isForced;

  useEffect(
    function stopForcing() {
      if (isPendingOnServer) hasSeenPendingRef.current = true;
      else if (isForced && hasSeenPendingRef.current) setIsForced(false);
    },
    [isForced, isPendingOnServer],
  );

  useEffect(
    function poll() {
      if (!isPolling) return;
      const timer = setInterval(() => void refetch().catch(() => {}), POLL_MS);
      return () => clearInterval(timer);
    },
    [isPolling, refetch],
  );

  const startPollingForOperation = useCallback(() => {
    hasSeenPendingRef.current = false;
    setIsForced(true);
  }, []);

  return { session, refetch, startPollingForOperation };
}

function isPending({ role, content }: StoredMessage): boolean {
  return role === "tool" && /"type":"operation_(pending|started)"/.test(content ?? "");
}
