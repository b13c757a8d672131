// Shows one answer: its parts in order, and the actions on it.
import type { Conversation, UIMessage } from "rejoin";
import { memo, useState } from "react";
import { CopyButton } from "../../ui/CopyButton";
import { CodeIcon, RetryIcon } from "../../ui/icons";
import { useChats } from "../context";
import { Decisions } from "./Decisions";
import { Attachments, isAttachment } from "../parts/Attachment";
import { Part } from "../parts/Part";
import { textOf } from "../useComposer";

interface Props {
  readonly message: UIMessage;
  readonly growing: boolean;
  /** Whether it is the last answer and complete: then it can be written anew, and its tools may wait for the person. */
  readonly isLast: boolean;
  readonly onRegenerate: (messageId: string) => void;
  readonly onToolOutput: Conversation["addToolOutput"];
  readonly onApproval: Conversation["respondToApproval"];
}

export const Answer = memo(function Answer({ message, growing, isLast, onRegenerate, onToolOutput, onApproval }: Props) {
  const [view, setView] = useState(useChats().options.view);
  const other = view === "source" ? "rendered" : "source";
  const text = growing ? "" : textOf(message);
  const attachments = message.parts.filter(isAttachment);
  return (
    <article className="answer" aria-label="Answer" aria-busy={growing} data-testid="answer" data-id={message.id}>
      {message.parts.map((part, index) => (
        <Part key={index} part={part} view={view} growing={growing} />
      ))}
      {attachments.length > 0 && <Attachments parts={attachments} />}
      {isLast && <Decisions message={message} onToolOutput={onToolOutput} onApproval={onApproval} />}
      {text !== "" && (
        <div className="actions">
          <CopyButton text={text} />
          <button type="button" className="quiet" onClick={() => setView(other)} data-testid="toggle-view">
            <CodeIcon />
            {view === "source" ? "Show rendered" : "Show source"}
          </button>
          {isLast && (
            <button type="button" className="quiet" onClick={() => onRegenerate(message.id)} data-testid="regenerate">
              <RetryIcon />
              Answer again
            </button>
          )}
        </div>
      )}
    </article>
  );
});
