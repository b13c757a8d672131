// The list of chats, outside of the chat itself: it is loaded again whenever an answer ends.

import { useEffect, useState } from "react";
import { listSessions, type SessionSummary } from "../shared/api";
import { withoutPageContext } from "../shared/messages";
import { useChatStore } from "./chat-store";

export function useSessionsPagination() {
  const [sessions, setSessions] = useState<SessionSummary[]>([]);
  const activeStreams = useChatStore((store) => store.activeStreams);
  const onStreamComplete = useChatStore((store) => store.onStreamComplete);

  useEffect(() => {
    const load = () => void listSessions().then(setSessions, () => {});
    load();
    return onStreamComplete(load);
  }, [onStreamComplete]);

  return sessions.map(({ id, title }) => ({ id, title: withoutPageContext(title ?? "New chat"), isBusy: activeStreams.has(id) }));
}
