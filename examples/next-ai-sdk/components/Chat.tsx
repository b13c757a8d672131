"use client";
import { useChat } from "@ai-sdk/react";
import {
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type DynamicToolUIPart,
  type ToolUIPart,
  type UIMessage,
} from "ai";
import { useState } from "react";
import { createChatStreams } from "rejoin";
import { RejoinChatTransport } from "rejoin/ai-sdk";

// The changed line: it was `new DefaultChatTransport({ api: "/api/agent" })`.
const transport = new RejoinChatTransport({ streams: createChatStreams(), target: 7 });

export function Chat({ id, history }: { id: string; history: UIMessage[] }) {
  const { messages, status, error, sendMessage, addToolOutput, addToolApprovalResponse } = useChat({
    id,
    messages: history,
    transport,
    resume: true,
    // The answer continues when all outputs and approvals that it waits for are there.
    sendAutomaticallyWhen: (chat) =>
      lastAssistantMessageIsCompleteWithToolCalls(chat) || lastAssistantMessageIsCompleteWithApprovalResponses(chat),
    onToolCall({ toolCall: { toolName, toolCallId } }) {
      if (toolName === "location") void addToolOutput({ tool: toolName, toolCallId, output: { city: "Hamburg" } });
    },
  });
  const isBusy = status === "submitted" || status === "streaming";
  return (
    <main>
      <ol>
        {messages.map((message) => (
          <li key={message.id} data-role={message.role}>
            {message.parts.map((part, place) => (
              <Part key={place} part={part} onDecision={(id, approved) => void addToolApprovalResponse({ id, approved })} />
            ))}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <Composer isBusy={isBusy} onSend={(text) => void sendMessage({ text })} onStop={() => void transport.stop(id)} />
      <p id="status">{status}</p>
    </main>
  );
}

type OnDecision = (approval: string, approved: boolean) => void;

function Part({ part, onDecision }: { part: UIMessage["parts"][number]; onDecision: OnDecision }) {
  if (part.type === "text") return <p>{part.text}</p>;
  if (part.type === "reasoning") return <p className="reasoning">{part.text}</p>;
  if (isToolUIPart(part)) return <Tool part={part} onDecision={onDecision} />;
  return null;
}

function Tool({ part, onDecision }: { part: ToolUIPart | DynamicToolUIPart; onDecision: OnDecision }) {
  const asked = part.state === "approval-requested" ? part.approval.id : undefined;
  return (
    <p className="tool">
      {`${getToolName(part)}: ${part.state}`}
      {asked !== undefined && <button onClick={() => onDecision(asked, true)}>Approve</button>}
      {asked !== undefined && <button onClick={() => onDecision(asked, false)}>Deny</button>}
    </p>
  );
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
