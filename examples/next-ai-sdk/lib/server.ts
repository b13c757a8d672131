// The JSON endpoints of `rejoin-server`, for server components. `rejoin` does everything that streams.
import type { UIMessage } from "ai";
import { notFound } from "next/navigation";

/** The address of `rejoin-server`. */
export const SERVER = process.env.REJOIN_URL ?? "http://127.0.0.1:8787";

/** A message as the server stores it. */
interface Stored {
  id: string;
  role: "user" | "assistant" | "tool";
  content: string;
  parts?: UIMessage["parts"];
  metadata?: unknown;
}

/** Creates a session and returns its id. */
export async function createSession(): Promise<string> {
  return (await ask<{ id: string }>("/sessions", { method: "POST" })).id;
}

/** Returns the messages of a session without the running answer, which the page gets from its stream. */
export async function loadMessages(id: string): Promise<UIMessage[]> {
  const { messages } = await ask<{ messages: Stored[] }>(`/sessions/${encodeURIComponent(id)}`);
  return messages.flatMap(({ id, role, content, parts, metadata }) =>
    role === "tool" ? [] : [{ id, role, parts: parts ?? [{ type: "text", text: content }], metadata }],
  );
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`${SERVER}/api/chat${path}`, { cache: "no-store", ...init });
  if (response.status === 404) notFound();
  if (!response.ok) throw new Error(`rejoin-server answered ${response.status}`);
  return response.json();
}
