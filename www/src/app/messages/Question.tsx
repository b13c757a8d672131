// Shows one question with its files, and whether the server has it.
import type { MessageDelivery, UIMessage } from "rejoin";
import { memo } from "react";
import { CopyButton } from "../../ui/CopyButton";
import { EditIcon, FileIcon, RetryIcon, SendIcon, TrashIcon } from "../../ui/icons";
import { filesOf, isPicture, textOf } from "../useComposer";

interface Props {
  readonly message: UIMessage;
  readonly delivery: MessageDelivery | undefined;
  readonly isBusy: boolean;
  readonly onEdit: (message: UIMessage) => void;
  readonly onRetry: (messageId: string) => void;
  readonly onRemove: (messageId: string) => void;
}

export const Question = memo(function Question({ message, delivery, isBusy, onEdit, onRetry, onRemove }: Props) {
  const text = textOf(message);
  const files = filesOf(message);
  const isWaiting = delivery === "queued" || delivery === "unsent";
  return (
    <article className="question" aria-label="You" data-testid="question" data-delivery={delivery}>
      {files.length > 0 && (
        <ul className="question-files" aria-label="Files">
          {files.map(({ url, mediaType, filename }) => (
            <li key={url}>{isPicture(mediaType) ? <img src={url} alt={filename ?? "Image"} /> : <span className="attachment"><FileIcon />{filename ?? mediaType}</span>}</li>
          ))}
        </ul>
      )}
      {text !== "" && <div className="question-bubble">{text}</div>}
      {isWaiting && (
        <div className="question-note">
          <span className={`question-state question-${delivery}`}>{stateOf(delivery, isBusy)}</span>
          {!(delivery === "queued" && isBusy) && (
            <button type="button" className="quiet" onClick={() => onRetry(message.id)} data-testid="send-again">
              {delivery === "unsent" ? <RetryIcon /> : <SendIcon />}
              {delivery === "unsent" ? "Try again" : "Send now"}
            </button>
          )}
          <button type="button" className="quiet" onClick={() => onEdit(message)} data-testid="edit">
            <EditIcon />
            Edit
          </button>
          <button type="button" className="quiet" onClick={() => onRemove(message.id)} data-testid="remove">
            <TrashIcon />
            Remove
          </button>
        </div>
      )}
      {delivery === undefined && !isBusy && (
        <div className="question-note question-tools">
          <CopyButton text={text} />
          <button type="button" className="quiet" onClick={() => onEdit(message)} data-testid="edit">
            <EditIcon />
            Edit
          </button>
        </div>
      )}
    </article>
  );
});

function stateOf(delivery: "queued" | "unsent", isBusy: boolean): string {
  if (delivery === "unsent") return "Not sent";
  return isBusy ? "Goes out after this answer" : "Waits for you";
}
