"use client";
import { useChat } from "@ai-sdk/react";
import type { UIMessage } from "ai";
import { useState } from "react";
import { createChatStreams } from "rejoin";
import { RejoinChatTransport } from "rejoin/ai-sdk";

// The changed line: it was `new DefaultChatTransport({ api: "/api/agent" })`.
const transport = new RejoinChatTransport({ streams: createChatStreams(), target: 7 });

export function Chat({ id, history }: { id: string; history: UIMessage[] }) {
  const { messages, status, error, sendMessage } = useChat({ id, messages: history, transport, resume: true });
  const isBusy = status === "submitted" || status === "streaming";
  return (
    <main>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role}>
            {message.parts.map((part, place) => <Part key={place} part={part} />)}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <Composer isBusy={isBusy} onSend={(text) => void sendMessage({ text })} onStop={() => void transport.stop(id)} />
      <p id="status">{status}</p>
    </main>
  );
}

function Part({ part }: { part: UIMessage["parts"][number] }) {
  if (part.type === "text") return <p>{part.text}</p>;
  if (part.type === "reasoning") return <p className="reasoning">{part.text}</p>;
  if (part.type.startsWith("tool-") && "state" in part) return <p className="tool">{`${part.type.slice("tool-".length)}: ${part.state}`}</p>;
  return null;
}

function Composer({ isBusy, onSend, onStop }: { isBusy: boolean; onSend: (text: string) => void; onStop: () => void }) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!text.trim() || isBusy) return;
        onSend(text);
        setText("");
      }}
    >
      <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} autoFocus />
      {isBusy ? <button type="button" onClick={onStop}>Stop</button> : <button>Send</button>}
    </form>
  );
}
