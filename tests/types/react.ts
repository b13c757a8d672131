// `rejoin/react` as an app would use it.

import { createChatStreams, type ActiveTask, type StreamOutcome, type UIMessage } from "../../dist/index.js";
import { useActiveTasks, useChatStream, type ChatStream } from "../../dist/react.js";

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
