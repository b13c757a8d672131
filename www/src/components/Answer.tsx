// One answer: its parts in order, and what a reader does with it.
import type { UIMessage } from "rejoin";
import { memo, useState } from "react";
import { useChat } from "../hooks/useChat";
import { Attachments, isAttachment } from "./Attachment";
import { CopyButton } from "./CopyButton";
import { CodeIcon } from "./icons";
import { Part } from "./Part";

export const Answer = memo(function Answer({ message, growing }: { message: UIMessage; growing: boolean }) {
  const [view, setView] = useState(useChat().options.view);
  const other = view === "source" ? "rendered" : "source";
  const text = growing ? "" : textOf(message);
  const attachments = message.parts.filter(isAttachment);
  return (
    <article className="answer" aria-label="Answer" aria-busy={growing} data-testid="answer" data-id={message.id}>
      {message.parts.map((part, index) => (
        <Part key={index} part={part} view={view} growing={growing} />
      ))}
      {attachments.length > 0 && <Attachments parts={attachments} />}
      {text !== "" && (
        <div className="actions">
          <CopyButton text={text} />
          <button type="button" className="quiet" onClick={() => setView(other)} data-testid="toggle-view">
            <CodeIcon />
            {view === "source" ? "Show rendered" : "Show source"}
          </button>
        </div>
      )}
    </article>
  );
});

function textOf(message: UIMessage): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
