// Shows a chat: its messages, the status of the answer, and the field for the next message.
import type { UIMessage } from "rejoin";
import type { ReactNode } from "react";
import { StatusLine } from "../status/StatusLine";
import { useSnapshot } from "../status/useSnapshot";
import { FailureNote } from "../ui/FailureNote";
import { Footer } from "../ui/Footer";
import { RetryIcon } from "../ui/icons";
import { Skeleton } from "../ui/Skeleton";
import { Unavailable } from "../ui/Unavailable";
import { Composer } from "./Composer";
import { useChats } from "./context";
import { Messages } from "./messages/Messages";
import { useChat } from "./useChat";

interface Props {
  readonly id: string;
  /** Wraps the messages in something else. */
  readonly frame?: (shown: ReactNode, messages: readonly UIMessage[]) => ReactNode;
}

export function Chat({ id, frame = (shown) => shown }: Props) {
  const { edited, setEdited, submit, stop, retry, ...chat } = useChat(id);
  const { messages, status, isRunning, error } = chat;
  const { streams } = useChats();
  const snapshot = useSnapshot(streams, id);
  const isLoading = status === "loading";
  if (error && messages.length === 0 && !isRunning && !isLoading) return <Unavailable error={error} onRetry={() => void retry()} />;
  return (
    <section className="conversation" aria-label="Chat" data-testid="conversation" data-phase={isLoading ? "loading" : "ready"}>
      {frame(
        <Messages chat={chat} onEdit={setEdited} onRetry={retry}>
          {isLoading && messages.length === 0 && <Skeleton />}
          {error && !isRunning && (
            <FailureNote error={error}>
              <button type="button" className="button" onClick={() => void retry()} data-testid="retry">
                <RetryIcon />
                Try again
              </button>
            </FailureNote>
          )}
        </Messages>,
        messages,
      )}
      <Footer>
        <StatusLine streams={streams} snapshot={snapshot} />
        <Composer key={edited?.id} edited={edited} isRunning={isRunning} onSend={submit} onStop={stop} onCancel={() => setEdited(null)} />
      </Footer>
    </section>
  );
}
