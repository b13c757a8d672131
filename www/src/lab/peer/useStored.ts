// Asks the server, past the lab's faults, what it has stored of an answer, until the answer has ended.
import { useEffect, useState } from "react";
import type { SessionDetail } from "../../api";
import type { Stored } from "./judgement";
import { useLab } from "../context";

const AGAIN_MS = 700;

/** `which`: the answers of all turns, or of the last. Null `sessionId` asks nothing. `attempt` asks anew when it changes. */
export function useStored(sessionId: string | null, which: "all" | "last", attempt: string): Stored | null {
  const lab = useLab();
  const [stored, setStored] = useState<Stored | null>(null);
  useEffect(() => {
    setStored(null);
    if (sessionId === null) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    const look = async () => {
      const found = await lab.truth(sessionId).then(
        (session) => summary(session, which),
        () => null,
      );
      if (over) return;
      if (found) setStored(found);
      if (!found || found.running) timer = setTimeout(look, AGAIN_MS);
    };
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [lab, sessionId, which, attempt]);
  return stored;
}

function summary({ messages, active_stream }: SessionDetail, which: "all" | "last"): Stored {
  const turns: string[] = [];
  for (const { role, content } of messages) {
    if (role === "user") turns.push("");
    if (role === "assistant") turns.push((turns.pop() ?? "") + content);
  }
  return { answers: which === "all" ? turns : turns.slice(-1), running: active_stream !== null };
}
