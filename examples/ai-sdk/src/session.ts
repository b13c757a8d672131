import type { UIMessage } from "ai";
import { toUIMessages } from "rejoin";

/** Returns the session that the address names, or a new one, with its messages. */
export async function openSession(): Promise<{ id: string; messages: UIMessage[] }> {
  const known = location.hash.slice(1);
  const found = known ? await fetch(`/api/chat/sessions/${known}`) : undefined;
  if (found?.ok) {
    const { id, messages } = await found.json();
    return { id, messages: toUIMessages<UIMessage>(messages) };
  }
  const made = await fetch("/api/chat/sessions", { method: "POST" });
  if (!made.ok) throw new Error(`No session: ${made.status}`);
  const { id } = await made.json();
  location.hash = id;
  return { id, messages: [] };
}
