// One chat: its messages, how its stream stands, and where to write the next message.
import type { UIMessage } from "rejoin";
import { useEffect, useMemo } from "react";
import type { Conversation as Known } from "../conversation";
import { useChat } from "../hooks/useChat";
import { useSnapshot } from "../hooks/useSnapshot";
import { settledRows, withLive, type Row } from "../rows";
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
  const conversation = useStore(chat.conversation(id));
  const snapshot = useSnapshot(id);
  const comparing = useStore(chat.compare);
  const ready = useStore(chat.ready);
  const streaming = isRunning(snapshot.status);
  const settled = useMemo(() => settledRows(conversation, ready), [conversation, ready]);
  const rows = useMemo(() => withLive(settled, snapshot.message), [settled, snapshot.message]);

  useEffect(() => {
    void chat.open(id);
    const again = () => void chat.open(id);
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [chat, id]);

  if (conversation.phase.kind === "unavailable" && rows.length === 0) {
    return <Unavailable error={conversation.phase.error} onRetry={() => void chat.open(id)} />;
  }
  return (
    <section className="conversation" aria-label="Chat" data-testid="conversation" data-phase={conversation.phase.kind}>
      <div className="panes" data-comparing={comparing}>
        <div className="pane">
          {comparing && <h2 className="pane-title">rejoin</h2>}
          <MessageList
            rows={rows}
            growingId={streaming ? (snapshot.message?.id ?? null) : null}
            waiting={streaming && rows.at(-1)?.kind !== "answer"}
            unsentId={unsentId(conversation)}
          >
            {conversation.phase.kind === "loading" && rows.length === 0 && <Skeleton />}
            {conversation.failure && !streaming && <Failed id={id} conversation={conversation} />}
          </MessageList>
          {comparing && <OwnVerdict snapshot={snapshot} shown={lastAnswer(rows)} />}
        </div>
        {comparing && <PeerPane chatId={id} />}
      </div>
      <Timeline chatId={id} live={streaming || comparing} owner={snapshot.role === "owner"} />
      <Footer>
        <StatusLine snapshot={snapshot} />
        <Composer streaming={streaming} onSend={(text) => void chat.send(id, text)} onStop={() => void chat.stop(id)} />
      </Footer>
    </section>
  );
}

function Failed({ id, conversation }: { id: string; conversation: Known }) {
  const chat = useChat();
  if (!conversation.failure) return null;
  const { error, remedy } = conversation.failure;
  return (
    <FailureNote error={error}>
      {remedy.kind !== "none" && (
        <button type="button" className="button" onClick={() => void chat.tryAgain(id, remedy)} data-testid="retry">
          <RetryIcon />
          {remedy.kind === "ask-again" ? "Ask again" : "Try again"}
        </button>
      )}
    </FailureNote>
  );
}

function lastAnswer(rows: readonly Row[]): UIMessage | null {
  const last = rows.at(-1);
  return last?.kind === "answer" ? last.message : null;
}

function unsentId({ failure }: Known): string | null {
  return failure?.remedy.kind === "resend" ? failure.remedy.message.id : null;
}

function isRunning(status: string): boolean {
  return status === "connecting" || status === "streaming" || status === "stalled" || status === "reconnecting";
}
