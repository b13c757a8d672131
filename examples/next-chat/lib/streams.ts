"use client";
// One client for the whole page: streams go on while the person looks at another chat.
import { createChatStreams } from "rejoin";

export const streams = createChatStreams({ baseUrl: "/api/chat" });

/** A new session; its id is the address of its chat. */
export async function createSession(): Promise<string> {
  const response = await fetch("/api/chat/sessions", { method: "POST" });
  if (!response.ok) throw new Error(`The chat could not be made: ${response.status}`);
  return (await response.json()).id;
}
