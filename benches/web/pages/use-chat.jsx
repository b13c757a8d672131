// The page of an app that uses the AI SDK: it resumes, and its transport reads the replay.

import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { Answer, show } from "./answer.jsx";

const transport = new DefaultChatTransport({
  prepareReconnectToStreamRequest: () => ({ api: "/api/chat/tasks/t1/stream?plain" }),
});

function Page() {
  const { messages, error } = useChat({ id: "s", resume: true, transport });
  if (error) throw error;
  return <Answer parts={messages.at(-1)?.parts ?? []} />;
}

globalThis.begin = () => show(<Page />);
