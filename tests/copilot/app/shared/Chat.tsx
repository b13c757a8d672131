// The page: a list of chats, the rows of the open one, and the input.

import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import type { ActiveStreamInfo, Session, StoredMessage } from "./api";
import type { ChatMessageData } from "./messages";
import { useChatSession } from "./useChatSession";

export interface ContainerArgs {
  sessionId: string;
  initialMessages: readonly StoredMessage[];
  activeStream: ActiveStreamInfo | null;
  onOperationStarted: () => void;
  onStreamEnd: () => void;
}

export interface Container {
  messages: ChatMessageData[];
  streamingChunks: string[];
  isStreaming: boolean;
  sendMessage: (text: string, isUserMessage?: boolean, context?: { url: string; content: string }) => Promise<void>;
  stopStreaming: () => void;
}

/** The parts that the migration changes, with the interface that the page uses. */
export interface Parts {
  useChatContainer: (args: ContainerArgs) => Container;
  /** The titles of the chats, and which of them are being answered. */
  useSessionsPagination: () => { id: string; title: string; isBusy: boolean }[];
}

export function mount(parts: Parts): void {
  const root = document.querySelector("#root");
  if (root) createRoot(root).render(<Page {...parts} />);
}

function Page({ useChatContainer, useSessionsPagination }: Parts) {
  const sessionId = useSessionId();
  const sessions = useSessionsPagination();
  const { session, refetch, startPollingForOperation } = useChatSession(sessionId);
  return (
    <>
      <nav>
        {sessions.map(({ id, title, isBusy }) => (
          <a key={id} href={`#${id}`} data-busy={isBusy}>{title}</a>
        ))}
      </nav>
      {session && (
        <Conversation useChatContainer={useChatContainer} session={session} refetch={refetch} onOperationStarted={startPollingForOperation} />
      )}
    </>
  );
}

interface ConversationProps {
  useChatContainer: Parts["useChatContainer"];
  session: Session;
  refetch: () => Promise<void>;
  onOperationStarted: () => void;
}

function Conversation({ useChatContainer, session, refetch, onOperationStarted }: ConversationProps) {
  const { messages, streamingChunks, isStreaming, sendMessage, stopStreaming } = useChatContainer({
    sessionId: session.id,
    initialMessages: session.messages,
    activeStream: session.active_stream,
    onOperationStarted,
    onStreamEnd: () => void refetch().catch(() => {}),
  });
  const live = streamingChunks.join("");
  return (
    <main data-testid="chat" data-streaming={isStreaming} data-session={session.id}>
      {messages.map((row, index) => (
        <Row key={index} row={row} />
      ))}
      {live && <pre data-row="assistant">{live}</pre>}
      <Composer isStreaming={isStreaming} send={sendMessage} stop={stopStreaming} />
    </main>
  );
}

function Row({ row }: { row: ChatMessageData }) {
  if (row.type === "message") return <pre data-row={row.role}>{row.content}</pre>;
  return (
    <p data-row={row.type} data-tool={row.toolId}>
      {row.type === "tool_response" ? JSON.stringify(row.result) : row.toolName}
    </p>
  );
}

function Composer({ isStreaming, send, stop }: { isStreaming: boolean; send: Container["sendMessage"]; stop: () => void }) {
  const [text, setText] = useState("");
  function submit(event: React.FormEvent) {
    event.preventDefault();
    setText("");
    void send(text, true, { url: location.pathname, content: document.title });
  }
  return (
    <form onSubmit={submit}>
      <input data-testid="input" value={text} onChange={(event) => setText(event.target.value)} />
      {isStreaming && <button data-testid="stop" type="button" onClick={stop}>Stop</button>}
    </form>
  );
}

/** Returns the session in the address. */
function useSessionId(): string | null {
  const [id, setId] = useState(() => location.hash.slice(1));
  useEffect(() => {
    const changed = () => setId(location.hash.slice(1));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return id || null;
}
