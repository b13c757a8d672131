// One part of an answer, by its kind. A kind without a look of its own is left out.
import type { UIMessagePart } from "rejoin";
import { Attachment, SourceLink } from "./Attachment";
import { Reasoning } from "./Reasoning";
import { TextPart } from "./TextPart";
import { ToolCall } from "./ToolCall";

export function Part({ part, view }: { part: UIMessagePart; view: "rendered" | "source" }) {
  switch (part.type) {
    case "text":
      return <TextPart text={part.text} view={view} />;
    case "reasoning":
      return <Reasoning part={part} />;
    case "source-url":
      return <SourceLink part={part} />;
    case "file":
      return <Attachment part={part} />;
    case "dynamic-tool":
      return <ToolCall part={part} />;
    default:
      return isTool(part) ? <ToolCall part={part} /> : null;
  }
}

function isTool(part: UIMessagePart): part is Extract<UIMessagePart, { toolCallId: string }> {
  return part.type.startsWith("tool-") && "toolCallId" in part;
}
