import { memo } from "react";
import type { MessageDelivery, UIMessage, UIMessagePart } from "rejoin";

interface Props {
  message: UIMessage;
  /** The state of a message that the backend does not have yet. */
  delivery?: MessageDelivery;
  onRetry: (messageId: string) => void;
  onRemove: (messageId: string) => void;
}

export function Message({ message, delivery, onRetry, onRemove }: Props) {
  return (
    <li className={message.role} data-delivery={delivery}>
      {message.parts.map((part, nth) => (
        <Part key={nth} part={part} />
      ))}
      {delivery === "queued" && (
        <p className="delivery">
          Waits for the answer. <button onClick={() => onRemove(message.id)}>Remove</button>
        </p>
      )}
      {delivery === "unsent" && (
        <p className="delivery">
          Not sent. <button onClick={() => onRetry(message.id)}>Try again</button> <button onClick={() => onRemove(message.id)}>Remove</button>
        </p>
      )}
    </li>
  );
}

/** An unchanged part is the same object as before, so while an answer grows only its last part renders again. */
const Part = memo(function Part({ part }: { part: UIMessagePart }) {
  if (part.type === "text") return <p className="text">{part.text}</p>;
  if (part.type === "reasoning") return <p className="reasoning">{part.text}</p>;
  if (!("toolCallId" in part)) return null;
  const name = part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
  return (
    <details className="tool" data-state={part.state}>
      <summary>
        {part.title ?? name}: {part.state === "output-available" ? "done" : part.state.startsWith("output") ? "failed" : "running …"}
      </summary>
      <pre>{JSON.stringify(part.input, null, 2)}</pre>
      <pre>{part.errorText ?? JSON.stringify(part.output, null, 2)}</pre>
    </details>
  );
});
