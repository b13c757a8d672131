// Provides the app's `Chats` to its components.
import { createContext, use } from "react";
import type { Chats } from "./chats";

export const ChatsContext = createContext<Chats | null>(null);

export function useChats(): Chats {
  const chats = use(ChatsContext);
  if (!chats) throw new Error("useChats needs a ChatsContext above it");
  return chats;
}
