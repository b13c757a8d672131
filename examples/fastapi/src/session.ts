import type { UIMessage } from "rejoin";

/** A message as the server stores it. */
interface Stored {
  id: string;
  role: "user" | "assistant" | "tool";
  content: string;
}

/** The session that the address names, or a new one; and what was said in it. */
export async function openSession(): Promise<{ id: string; messages: UIMessage[] }> {
  const known = location.hash.slice(1);
  const found = known ? await fetch(`/api/chat/sessions/${known}`) : undefined;
  if (found?.ok) {
    const { id, messages }: { id: string; messages: Stored[] } = await found.json();
    return { id, messages: messages.flatMap(toUIMessage) };
  }
  const made = await fetch("/api/chat/sessions", { method: "POST" });
  if (!made.ok) throw new Error(`No session: ${made.status}`);
  const { id } = await made.json();
  location.hash = id;
  return { id, messages: [] };
}

function toUIMessage({ id, role, content }: Stored): UIMessage[] {
  return role === "tool" || !content ? [] : [{ id, role, parts: [{ type: "text", text: content }] }];
}
