// A tool call: its name and how it stands; opened, what went in and what came out.
import type { DynamicToolUIPart, ToolUIPart } from "rejoin";
import { memo } from "react";
import { Disclosure } from "./Disclosure";
import { ToolIcon } from "./icons";
import { Json } from "./Json";

type ToolPart = ToolUIPart | DynamicToolUIPart;

export const ToolCall = memo(function ToolCall({ part }: { part: ToolPart }) {
  const stage = stageOf(part);
  return (
    <Disclosure icon={<ToolIcon />} title={nameOf(part)} note={WORDS[stage]} kind={stage} testId="tool-call">
      {stage === "operation" && <p className="tool-waiting">{waitingFor(part.output)}</p>}
      <Json label="Input" value={part.state === "input-streaming" ? (part.rawInput ?? part.input) : part.input} />
      {part.output !== undefined && <Json label="Output" value={part.output} />}
      {part.errorText !== undefined && <Json label="Error" value={part.errorText} />}
    </Disclosure>
  );
});

type Stage = "writing" | "running" | "operation" | "done" | "failed";

const WORDS: Readonly<Record<Stage, string>> = {
  writing: "preparing…",
  running: "running…",
  operation: "runs in the background…",
  done: "done",
  failed: "failed",
};

function stageOf(part: ToolPart): Stage {
  if (part.state === "input-streaming") return "writing";
  if (part.state === "output-error" || part.state === "output-denied") return "failed";
  if (part.state !== "output-available") return "running";
  return isOperation(part.output) ? "operation" : "done";
}

function nameOf(part: ToolPart): string {
  if (part.title) return part.title;
  return part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
}

/** A tool that outlives its turn answers so first (PROTOCOL §5). */
function isOperation(output: unknown): output is { type: "operation_started"; message?: unknown; operation_id?: unknown } {
  return typeof output === "object" && output !== null && "type" in output && output.type === "operation_started";
}

function waitingFor(output: unknown): string {
  const said = isOperation(output) && typeof output.message === "string" ? output.message : "";
  return said || "This takes a while. The answer goes on when it is done, also if you close the page.";
}
