// What the person asked, with its files, and whether the server has it.
import type { FileUIPart, MessageDelivery, UIMessage } from "rejoin";
import { memo } from "react";

interface Props {
  readonly message: UIMessage;
  readonly delivery: MessageDelivery | undefined;
  readonly isBusy: boolean;
  readonly onEdit: (message: UIMessage) => void;
  readonly onRetry: (messageId: string) => void;
  readonly onRemove: (messageId: string) => void;
}

export const Question = memo(function Question({ message, delivery, isBusy, onEdit, onRetry, onRemove }: Props) {
  const text = message.parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  const files = message.parts.filter((part): part is FileUIPart => part.type === "file");
  return (
    <article className="question" aria-label="You" data-testid="question" data-delivery={delivery}>
      {files.length > 0 && (
        <ul className="question-files" aria-label="Files">
          {files.map((file) => (
            <li key={file.url}>{file.mediaType.startsWith("image/") ? <img src={file.url} alt={file.filename ?? "Image"} /> : (file.filename ?? file.mediaType)}</li>
          ))}
        </ul>
      )}
      {text !== "" && <div className="question-bubble">{text}</div>}
      {delivery === "queued" && (
        <p className="question-note question-waits">
          {isBusy ? "Goes out after this answer" : "Waits"}{" "}
          {!isBusy && <button type="button" className="link" onClick={() => onRetry(message.id)}>Send</button>}{" "}
          <button type="button" className="link" onClick={() => onRemove(message.id)}>Remove</button>
        </p>
      )}
      {delivery === "unsent" && (
        <p className="question-note">
          Not sent <button type="button" className="link" onClick={() => onRetry(message.id)}>Send</button>{" "}
          <button type="button" className="link" onClick={() => onRemove(message.id)}>Remove</button>
        </p>
      )}
      {delivery === undefined && !isBusy && (
        <p className="question-note question-edit">
          <button type="button" className="link" onClick={() => onEdit(message)} data-testid="edit">Edit</button>
        </p>
      )}
    </article>
  );
});
