import type { UIMessage } from "ai";

/** A message as the backend stores it. */
interface Stored {
  id: string;
  role: "user" | "assistant" | "tool";
  content: string | null;
}

/** Returns the session that the address names, or a new one, with its messages. */
export async function openSession(): Promise<{ id: string; messages: UIMessage[] }> {
  const known = location.hash.slice(1);
  const found = known ? await fetch(`/api/chat/sessions/${known}`) : undefined;
  if (found?.ok) {
    const { id, messages } = await found.json();
    return { id, messages: messages.filter(isShown).map(toUIMessage) };
  }
  const made = await fetch("/api/chat/sessions", { method: "POST" });
  if (!made.ok) throw new Error(`No session: ${made.status}`);
  const { id } = await made.json();
  location.hash = id;
  return { id, messages: [] };
}

function isShown({ role, content }: Stored): boolean {
  return role !== "tool" && Boolean(content);
}

function toUIMessage({ id, role, content }: Stored): UIMessage {
  return { id, role: role === "user" ? "user" : "assistant", parts: [{ type: "text", text: content ?? "" }] };
}
