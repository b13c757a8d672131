// Combines `useConversation` with the question that the person is editing.
import type { ConversationInput, UIMessage } from "rejoin";
import { useConversation } from "rejoin/react";
import { useCallback, useEffect, useState } from "react";
import { useChats } from "./context";

export function useChat(id: string) {
  const chats = useChats();
  const chat = useConversation(chats.streams, id, {
    ...(chats.isNew(id) && { initialMessages: [] }),
    resume: true,
    onFinish: () => void chats.refresh(),
  });
  const { send, edit, resume } = chat;
  const [edited, setEdited] = useState<UIMessage | null>(null);

  useEffect(() => {
    const first = chats.takeFirst(id);
    if (first) void send(first);
  }, [chats, id, send]);

  // Loads what other devices have written while this one had no network.
  useEffect(() => {
    const again = () => void resume();
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [resume]);

  const submit = useCallback(
    (input: ConversationInput) => {
      void (edited ? edit(edited.id, input) : send(input));
      setEdited(null);
    },
    [edited, edit, send],
  );
  return { ...chat, edited, setEdited, submit };
}
