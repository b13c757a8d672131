"use client";
import { useRouter } from "next/navigation";
import type { UIMessage } from "rejoin";
import { useConversation, useStreamStatus } from "rejoin/react";
import { streams } from "@/lib/streams";
import { Composer } from "./Composer";
import { Message } from "./Message";

/** One chat: stored messages, the running answer, and messages that wait to be sent, as one list. */
export function Chat({ sessionId, history }: { sessionId: string; history: UIMessage[] }) {
  const router = useRouter();
  const { messages, delivery, isRunning, error, attempt, send, stop, retry, removeQueued } = useConversation(streams, sessionId, {
    initialMessages: history,
    resume: true, // after a reload, or on another device: continues what still runs
    onFinish: () => router.refresh(), // the list of chats has a new title and order
  });
  const status = useStreamStatus(streams, sessionId);
  return (
    <>
      <ol>
        {messages.map((message) => (
          <Message key={message.id} message={message} delivery={delivery[message.id]} onRetry={retry} onRemove={removeQueued} />
        ))}
      </ol>
      <p role="status" data-status={status}>
        {status === "reconnecting" ? `Connection lost, try ${attempt} …` : isRunning ? "Answering …" : ""}
      </p>
      {error && (
        <p role="alert">
          {error.message} <button onClick={() => void retry()}>Try again</button>
        </p>
      )}
      <Composer onSend={send} onStop={isRunning ? stop : undefined} />
    </>
  );
}
