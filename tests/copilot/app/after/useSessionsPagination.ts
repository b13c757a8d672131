// The list of chats, outside of the chat itself: it is loaded again whenever an answer ends.

import { useActiveTasks } from "rejoin/react";
import { useEffect, useState } from "react";
import { listSessions, type SessionSummary } from "../shared/api";
import { withoutPageContext } from "../shared/messages";
import { streams } from "./chat-streams";

export function useSessionsPagination() {
  const [sessions, setSessions] = useState<SessionSummary[]>([]);
  const activeTasks = useActiveTasks(streams);

  useEffect(() => {
    const load = () => void listSessions().then(setSessions, () => {});
    load();
    return streams.onStreamComplete(load);
  }, []);

  const busy = new Set(activeTasks.map(({ sessionId }) => sessionId));
  return sessions.map(({ id, title }) => ({ id, title: withoutPageContext(title ?? "New chat"), isBusy: busy.has(id) }));
}
