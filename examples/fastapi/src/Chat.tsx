import { useState } from "react";
import { createChatStreams, type UIMessage } from "rejoin";
import { useConversation } from "rejoin/react";

/** One client for the whole page. */
const streams = createChatStreams();

/** One chat: its history, the running answer, and messages that are being sent. */
export function Chat({ id }: { id: string }) {
  const { messages, delivery, status, isRunning, error, send, stop, retry } = useConversation(streams, id, { resume: true });
  return (
    <main>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role}>
            {message.parts.map((part, index) => <Part key={index} part={part} />)}
            {delivery[message.id] === "unsent" && <button onClick={() => void retry(message.id)}>Not sent. Try again</button>}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <Composer isRunning={isRunning} onSend={(text) => void send(text)} onStop={() => void stop()} />
      <p id="status">{status}</p>
    </main>
  );
}

function Part({ part }: { part: UIMessage["parts"][number] }) {
  if (part.type === "text") return <p>{part.text}</p>;
  if ("toolCallId" in part) return <p className="tool">{`${toolName(part)}: ${part.state}`}</p>;
  return null;
}

/** Returns the name of a tool part's tool, which is a field of the part or part of its type. */
function toolName(part: { type: string; toolName?: string }): string {
  return part.toolName ?? part.type.slice("tool-".length);
}

function Composer({ isRunning, onSend, onStop }: { isRunning: boolean; onSend: (text: string) => void; onStop: () => void }) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!text.trim()) return;
        onSend(text);
        setText("");
      }}
    >
      <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} autoFocus />
      {isRunning ? <button type="button" onClick={onStop}>Stop</button> : <button>Send</button>}
    </form>
  );
}
