// Creates a chat with its first message. A message whose chat could not be created is kept, so that no typed text is lost.
import type { ConversationInput } from "rejoin";
import { useState } from "react";
import { show } from "../route";
import { coded, type Coded } from "../ui/errors";
import { useChats } from "./context";

export function useNewChat() {
  const chats = useChats();
  const [isStarting, setStarting] = useState(false);
  const [failed, setFailed] = useState<{ readonly error: Coded; readonly input: ConversationInput } | null>(null);

  const start = async (input: ConversationInput) => {
    setStarting(true);
    setFailed(null);
    try {
      show(await chats.create(input));
      void chats.refresh();
    } catch (error) {
      setFailed({ error: coded(error), input });
      setStarting(false);
    }
  };
  return { isStarting, failed, start };
}
