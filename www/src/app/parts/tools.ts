// What a tool call is called, and how far it has come.
import type { DynamicToolUIPart, ToolUIPart, UIMessage, UIMessagePart } from "rejoin";

export type ToolPart = ToolUIPart | DynamicToolUIPart;

/** `asking`: the person has to allow it. `operation`: it goes on in the background, beyond its turn (PROTOCOL §5). `unfinished`: its answer ended before it did. */
export type Stage = "writing" | "running" | "asking" | "operation" | "done" | "failed" | "unfinished";

export function isTool(part: UIMessagePart): part is ToolPart {
  return part.type === "dynamic-tool" || (part.type.startsWith("tool-") && "toolCallId" in part);
}

export function toolName(part: ToolPart): string {
  if (part.title) return part.title;
  return part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
}

/** The name of a tool as a person reads it. */
export function toolWords(part: ToolPart): string {
  return toolName(part).replaceAll(/[_-]+/g, " ");
}

/** @param growing Whether its answer is still being written. */
export function stageOf(part: ToolPart, growing: boolean): Stage {
  const stage = reportedStage(part);
  return growing || stage === "asking" || stage === "done" || stage === "failed" ? stage : "unfinished";
}

/** The tool that the answer waits for in the background, or null. */
export function operationOf(message: UIMessage | null): ToolPart | null {
  const last = message?.parts.at(-1);
  return last && isTool(last) && reportedStage(last) === "operation" ? last : null;
}

/** Whether a tool of a complete answer waits for the person or for the page. */
export function isWaiting(message: UIMessage | null): boolean {
  const states: readonly ToolPart["state"][] = ["input-available", "approval-requested"];
  return message?.parts.some((part) => isTool(part) && states.includes(part.state) && !part.providerExecuted) ?? false;
}

/** A tool that outlives its turn answers so first. */
export function isOperation(output: unknown): output is { type: "operation_started"; message?: unknown } {
  return typeof output === "object" && output !== null && "type" in output && output.type === "operation_started";
}

function reportedStage(part: ToolPart): Exclude<Stage, "unfinished"> {
  if (part.state === "input-streaming") return "writing";
  if (part.state === "output-error" || part.state === "output-denied") return "failed";
  if (part.state === "approval-requested") return "asking";
  if (part.state !== "output-available") return "running";
  return isOperation(part.output) ? "operation" : "done";
}
