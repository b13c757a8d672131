// Shows one part of an answer by its kind. A kind without a component is left out.
import type { UIMessagePart } from "rejoin";
import { isTool } from "./tools";
import { Reasoning } from "./Reasoning";
import { TextPart } from "./TextPart";
import { ToolCall } from "./ToolCall";

interface Props {
  readonly part: UIMessagePart;
  readonly view: "rendered" | "source";
  /** Whether the answer is still being written. */
  readonly growing: boolean;
}

export function Part({ part, view, growing }: Props) {
  if (isTool(part)) return <ToolCall part={part} growing={growing} />;
  switch (part.type) {
    case "text":
      return <TextPart text={part.text} view={view} />;
    case "reasoning":
      return <Reasoning part={part} growing={growing} />;
    default:
      return null;
  }
}
