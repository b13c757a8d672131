// One chat: its messages, how its stream stands, and where to write the next message.
import type { UIMessage } from "rejoin";
import { useConversation } from "rejoin/react";
import { useCallback, useEffect, useState } from "react";
import { useChat } from "../hooks/useChat";
import { useSnapshot } from "../hooks/useSnapshot";
import { useStore } from "../store";
import { Composer } from "./Composer";
import { FailureNote } from "./FailureNote";
import { Footer } from "./Footer";
import { RetryIcon } from "./icons";
import { MessageList } from "./MessageList";
import { OwnVerdict } from "./OwnVerdict";
import { PeerPane } from "./PeerPane";
import { Skeleton } from "./Skeleton";
import { StatusLine } from "./StatusLine";
import { Timeline } from "./Timeline";
import { Unavailable } from "./Unavailable";

export function Conversation({ id }: { id: string }) {
  const chat = useChat();
  const { messages, delivery, status, isRunning, error, resume, removeQueued, addToolOutput, respondToApproval } = useConversation(
    chat.conversation(id),
    { resume: true, onFinish: () => void chat.refreshSessions() },
  );
  const snapshot = useSnapshot(id);
  const comparing = useStore(chat.compare);
  const [editing, setEditing] = useState<UIMessage | null>(null);
  const phase = status === "loading" ? "loading" : error && messages.length === 0 ? "unavailable" : "ready";

  useEffect(() => {
    chat.watch(id);
    const again = () => void resume();
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [chat, id, resume]);

  const send = useCallback(
    (text: string, files: readonly File[]) => {
      if (editing) void chat.record(id).edit(editing.id, text);
      else void chat.send(id, files.length > 0 ? { text, files } : text);
      setEditing(null);
    },
    [chat, id, editing],
  );
  const retry = useCallback((messageId?: string) => void chat.record(id).retry(messageId), [chat, id]);
  const regenerate = useCallback(() => void chat.record(id).regenerate(), [chat, id]);

  if (phase === "unavailable" && error && !isRunning) return <Unavailable error={error} onRetry={() => retry()} />;
  return (
    <section className="conversation" aria-label="Chat" data-testid="conversation" data-phase={phase}>
      <div className="panes" data-comparing={comparing}>
        <div className="pane">
          {comparing && <h2 className="pane-title">rejoin</h2>}
          <MessageList
            messages={messages}
            delivery={delivery}
            isRunning={isRunning}
            onEdit={setEditing}
            onRetry={retry}
            onRemove={removeQueued}
            onRegenerate={regenerate}
            onToolOutput={addToolOutput}
            onApproval={respondToApproval}
          >
            {phase === "loading" && messages.length === 0 && <Skeleton />}
            {error && !isRunning && (
              <FailureNote error={error}>
                <button type="button" className="button" onClick={() => retry()} data-testid="retry">
                  <RetryIcon />
                  Try again
                </button>
              </FailureNote>
            )}
          </MessageList>
          {comparing && <OwnVerdict snapshot={snapshot} shown={lastAnswer(messages)} />}
        </div>
        {comparing && <PeerPane chatId={id} />}
      </div>
      <Timeline chatId={id} live={isRunning || comparing} owner={snapshot.role === "owner"} />
      <Footer>
        <StatusLine snapshot={snapshot} />
        <Composer
          key={editing?.id}
          streaming={isRunning}
          initial={editing ? textOf(editing) : ""}
          onSend={send}
          onStop={() => void chat.stop(id)}
          onCancel={editing ? () => setEditing(null) : undefined}
        />
      </Footer>
    </section>
  );
}

function lastAnswer(messages: readonly UIMessage[]): UIMessage | null {
  const last = messages.at(-1);
  return last?.role === "assistant" ? last : null;
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}
