// The backend's JSON endpoints, as server components ask them. Everything that streams is left to `rejoin`.
import { notFound } from "next/navigation";
import { toUIMessages, type UIMessage } from "rejoin";

/** Where `rejoin-server`, or any backend of the same protocol, listens. */
export const BACKEND = process.env.REJOIN_URL ?? "http://127.0.0.1:8787";

export interface SessionSummary {
  id: string;
  title: string | null;
}

/** The newest sessions first. */
export async function listSessions(): Promise<SessionSummary[]> {
  return (await ask<{ sessions: SessionSummary[] }>("/sessions")).sessions;
}

/** The messages of a session, without the answer that is being written: the page gets that from its stream. */
export async function loadMessages(sessionId: string): Promise<UIMessage[]> {
  return toUIMessages((await ask<{ messages: unknown[] }>(`/sessions/${encodeURIComponent(sessionId)}`)).messages);
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(`${BACKEND}/api/chat${path}`, { cache: "no-store" });
  if (response.status === 404) notFound();
  if (!response.ok) throw new Error(`The chat backend answered ${response.status}`);
  return response.json();
}
