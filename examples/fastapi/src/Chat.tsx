import { useState } from "react";
import { createChatStreams, type UIMessage } from "rejoin";
import { useChatStream } from "rejoin/react";

/** One client for the whole page. */
const streams = createChatStreams();

/** One chat: what the server has stored, what was said since, and the answer that is being written. */
export function Chat({ id, history }: { id: string; history: UIMessage[] }) {
  const [said, setSaid] = useState<UIMessage[]>([]);
  const add = (message: UIMessage) => setSaid((before) => [...before, message]);
  const chat = useChatStream(streams, id, {
    resume: true, // after a reload: goes on with what still runs
    onFinish: () => {
      const { message } = streams.getSnapshot(id);
      if (message) add(message);
    },
  });

  function send(text: string) {
    const question: UIMessage = { id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text }] };
    add(question);
    // The server stores it under the same id, and asks the agent once however often it arrives.
    void chat.send({ message: text, messageId: question.id });
  }

  const isBusy = ["connecting", "streaming", "stalled", "reconnecting"].includes(chat.status);
  return (
    <main>
      <ol>
        {once([...history, ...said, ...(chat.message ? [chat.message] : [])]).map((message) => (
          <li key={message.id} data-role={message.role}>
            {message.parts.map((part, place) => <Part key={place} part={part} />)}
          </li>
        ))}
      </ol>
      {chat.error && <p role="alert">{chat.error.message}</p>}
      <Composer isBusy={isBusy} onSend={send} onStop={() => void chat.stop()} />
      <p id="status">{chat.status}</p>
    </main>
  );
}

function Part({ part }: { part: UIMessage["parts"][number] }) {
  if (part.type === "text") return <p>{part.text}</p>;
  if ("toolCallId" in part) return <p className="tool">{`${toolName(part)}: ${part.state}`}</p>;
  return null;
}

/** A tool's name stands in its part, or in the part's type. */
function toolName(part: { type: string; toolName?: string }): string {
  return part.toolName ?? part.type.slice("tool-".length);
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

/** Each id once, in its first place, as it was last seen. */
function once(messages: UIMessage[]): UIMessage[] {
  return [...new Map(messages.map((message) => [message.id, message])).values()];
}
