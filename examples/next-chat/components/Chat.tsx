"use client";
import { useRouter } from "next/navigation";
import { useState } from "react";
import type { StreamRequest, UIMessage } from "rejoin";
import { useChatStream } from "rejoin/react";
import { streams } from "@/lib/streams";
import { Composer } from "./Composer";
import { Message } from "./Message";

/** One chat: what the backend has stored, what was said since, and the answer that is being written. */
export function Chat({ sessionId, history }: { sessionId: string; history: UIMessage[] }) {
  const router = useRouter();
  const [said, setSaid] = useState<UIMessage[]>([]);
  const [sent, setSent] = useState<StreamRequest>();
  const add = (message: UIMessage) => setSaid((before) => [...before, message]);

  const chat = useChatStream(streams, sessionId, {
    resume: true, // after a reload, or on another device: goes on with what still runs
    onFinish: () => {
      const { message } = streams.getSnapshot(sessionId);
      if (message) add(message);
      router.refresh(); // the list of chats has a new title and order
    },
  });

  function send(text: string) {
    const question: UIMessage = { id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text }] };
    add(question);
    // The backend stores it under the same id, and starts nothing twice should it arrive twice.
    const request = { message: text, messageId: question.id };
    setSent(request);
    void chat.send(request);
  }

  /** The answer goes on where it runs; a message of which that is not known is sent again. */
  const tryAgain = () => void (sent && !chat.taskId ? chat.send(sent) : chat.resume());

  const isRunning = ["connecting", "streaming", "stalled", "reconnecting"].includes(chat.status);
  return (
    <>
      <ol>
        {once([...history, ...said, ...(chat.message ? [chat.message] : [])]).map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
      <p role="status" data-status={chat.status}>
        {chat.status === "reconnecting" ? `Connection lost, try ${chat.attempt} …` : isRunning ? "Answering …" : ""}
      </p>
      {chat.error && (
        <p role="alert">
          {chat.error.message} {chat.error.retryable && <button onClick={tryAgain}>Try again</button>}
        </p>
      )}
      <Composer onSend={send} onStop={isRunning ? chat.stop : undefined} />
    </>
  );
}

/** Each id once, in its first place, as it was last seen. */
function once(messages: UIMessage[]): UIMessage[] {
  return [...new Map(messages.map((message) => [message.id, message])).values()];
}
