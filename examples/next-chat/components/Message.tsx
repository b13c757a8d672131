import { memo } from "react";
import type { UIMessage, UIMessagePart } from "rejoin";

export function Message({ message }: { message: UIMessage }) {
  return (
    <li className={message.role}>
      {message.parts.map((part, nth) => (
        <Part key={nth} part={part} />
      ))}
    </li>
  );
}

/** A part that did not change is the same object as before, so while an answer grows only its last part is drawn again. */
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
