// Names a tool call and its stage.
import type { DynamicToolUIPart, ToolUIPart, UIMessage, UIMessagePart } from "rejoin";

export type ToolPart = ToolUIPart | DynamicToolUIPart;

/** `asking`: the person has to allow it. `operation`: it goes on in the background after its turn (PROTOCOL §5). `unfinished`: the answer ended before the call. */
export type Stage = "writing" | "running" | "asking" | "operation" | "done" | "failed" | "unfinished";

export function isTool(part: UIMessagePart): part is ToolPart {
  return part.type === "dynamic-tool" || (part.type.startsWith("tool-") && "toolCallId" in part);
}

export function toolName(part: ToolPart): string {
  if (part.title) return part.title;
  return part.type === "dynamic-tool" ? part.toolName : part.type.slice("tool-".length);
}

/** Returns the name of a tool in plain words. */
export function toolWords(part: ToolPart): string {
  return toolName(part).replaceAll(/[_-]+/g, " ");
}

/** @param growing Whether its answer is still being written. */
export function stageOf(part: ToolPart, growing: boolean): Stage {
  const stage = reportedStage(part);
  return growing || stage === "asking" || stage === "done" || stage === "failed" ? stage : "unfinished";
}

/** Returns the tool that the answer waits for in the background, or null. */
export function operationOf(message: UIMessage | null): ToolPart | null {
  const last = message?.parts.at(-1);
  return last && isTool(last) && reportedStage(last) === "operation" ? last : null;
}

/** Returns whether a tool of a complete answer waits for the person or for the page. */
export function isWaiting(message: UIMessage | null): boolean {
  const states: readonly ToolPart["state"][] = ["input-available", "approval-requested"];
  return message?.parts.some((part) => isTool(part) && states.includes(part.state) && !part.providerExecuted) ?? false;
}

/** Returns whether an output says that the tool has begun an operation, which outlives its turn. */
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
