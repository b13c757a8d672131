"use client";
// One client for the whole page, so that streams continue while the user looks at another chat.
import { createChatStreams } from "rejoin";

export const streams = createChatStreams({ baseUrl: "/api/chat" });

/** Creates a session, whose id is part of its chat's address. */
export async function createSession(): Promise<string> {
  const response = await fetch("/api/chat/sessions", { method: "POST" });
  if (!response.ok) throw new Error(`The chat could not be made: ${response.status}`);
  return (await response.json()).id;
}
