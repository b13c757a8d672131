// The backend's JSON endpoints, for server components. `rejoin` does everything that streams.
import { notFound } from "next/navigation";
import { toUIMessages, type UIMessage } from "rejoin";

/** The address of `rejoin-server`, or of any backend with the same protocol. */
export const BACKEND = process.env.REJOIN_URL ?? "http://127.0.0.1:8787";

export interface SessionSummary {
  id: string;
  title: string | null;
}

/** Returns the sessions, newest first. */
export async function listSessions(): Promise<SessionSummary[]> {
  return (await ask<{ sessions: SessionSummary[] }>("/sessions")).sessions;
}

/** Returns the messages of a session without the running answer, which the page gets from its stream. */
export async function loadMessages(sessionId: string): Promise<UIMessage[]> {
  return toUIMessages((await ask<{ messages: unknown[] }>(`/sessions/${encodeURIComponent(sessionId)}`)).messages);
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${BACKEND}/api/chat${path}`, { cache: "no-store" });
  if (response.status === 404) notFound();
  if (!response.ok) throw new Error(`The chat backend answered ${response.status}`);
  return response.json();
}
