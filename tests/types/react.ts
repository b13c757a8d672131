// `rejoin/react` as an app would use it.

import { createChatStreams, createConversation, type ActiveTask, type StreamOutcome, type StreamStatus, type UIMessage } from "../../dist/index.js";
import { useActiveTasks, useChatStream, useConversation, useStreamStatus, type ChatStream } from "../../dist/react.js";

const streams = createChatStreams();

export function useEverything(): void {
  const stream: ChatStream = useChatStream(streams, "s", { resume: true, onFinish: (outcome) => void outcome.kind });
  const { status, message, error, attempt, retryAt, send, stop, resume } = stream;
  const shown: UIMessage | null = message;
  const sent: Promise<StreamOutcome> = send({ message: "hi", context: { url: "u", content: "c" } });
  const resumed: Promise<StreamOutcome | null> = resume();
  const stopped: Promise<void> = stop();
  const due: number | undefined = retryAt;
  const code: string | undefined = error?.code;
  const tasks: readonly ActiveTask[] = useActiveTasks(streams);
  void [status.length, attempt.toFixed(), shown, sent, resumed, stopped, due, code, tasks];
}

// @ts-expect-error a session has a name
export const wrong = () => useChatStream(streams);

/** A message with metadata of the app's. */
interface Note extends UIMessage {
  metadata: { mood: string };
}

export function useChat(): void {
  const conversation = createConversation<Note>(streams, "s");
  const chat = useConversation<Note>(streams, "s", { initialMessages: [], resume: true, onToolCall: ({ toolName }) => void toolName.length });
  const { messages, delivery, send, edit, addToolOutput, respondToApproval, retry } = chat;
  const mood: string | undefined = messages[0]?.metadata.mood;
  const state: "queued" | "sending" | "unsent" | undefined = delivery["m"];
  const sent: Promise<StreamOutcome> = send({ text: "hi", metadata: { mood: "good" }, files: [new File([], "a")] });
  const given = useConversation(conversation, { onError: ({ code }) => void code });
  const status: StreamStatus = useStreamStatus(streams, "s");
  void [mood, state, sent, edit("m", "other"), addToolOutput({ toolCallId: "c", output: 1 }), retry(), given.messages[0]?.metadata.mood, status];
  void respondToApproval({ approvalId: "a", approved: true });
}
