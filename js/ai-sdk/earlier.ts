/**
 * Writes what a message had before an answer continues it, as chunks. A chat that resumes builds the message again from the
 * stream, and the stream of a continuation has only what is new (PROTOCOL §1, "A turn").
 */

import type { UIMessage } from "ai";
import type { Fields } from "./shapes.js";

/** Returns the chunks that make the parts of a message, in order. */
export function chunksOf(message: UIMessage): Fields[] {
  const parts = message.parts as unknown as Fields[];
  const chunks = parts.flatMap((part, index) => chunksOfPart(part, `earlier-${index}`));
  return parts.some(({ type }) => type === "step-start") ? [...chunks, { type: "finish-step" }] : chunks;
}

function chunksOfPart(part: Fields, id: string): Fields[] {
  const { type, text, providerMetadata } = part;
  if (typeof part["toolCallId"] === "string") return chunksOfTool(part);
  if (type === "step-start") return id === "earlier-0" ? [{ type: "start-step" }] : [{ type: "finish-step" }, { type: "start-step" }];
  if (type !== "text" && type !== "reasoning") return [part];
  return [
    { type: `${type}-start`, id, providerMetadata },
    { type: `${type}-delta`, id, delta: text },
    { type: `${type}-end`, id, providerMetadata },
  ];
}

function chunksOfTool(part: Fields): Fields[] {
  const call = callOf(part);
  const { state, input, rawInput, errorText } = part;
  if (state === "input-streaming") return [{ ...call, type: "tool-input-start" }];
  if (state === "output-error" && input === undefined) return [{ ...call, type: "tool-input-error", input: rawInput ?? null, errorText }];
  return [{ ...call, type: "tool-input-available", input: input ?? null }, ...approvalOf(part), ...resultOf(part)];
}

/** Returns the fields that all chunks of a call have. */
function callOf(part: Fields): Fields {
  const isDynamic = part["type"] === "dynamic-tool";
  return {
    toolCallId: part["toolCallId"],
    toolName: isDynamic ? part["toolName"] : String(part["type"]).slice("tool-".length),
    dynamic: isDynamic || undefined,
    title: part["title"],
    providerExecuted: part["providerExecuted"],
    providerMetadata: part["callProviderMetadata"],
  };
}

function approvalOf({ toolCallId, approval }: Fields): Fields[] {
  const { id: approvalId, approved, reason } = (approval ?? {}) as Fields;
  if (approvalId === undefined) return [];
  const request = { type: "tool-approval-request", approvalId, toolCallId };
  return approved === undefined ? [request] : [request, { type: "tool-approval-response", approvalId, approved, reason }];
}

function resultOf(part: Fields): Fields[] {
  const { state, output, preliminary, errorText } = part;
  const call = { ...callOf(part), providerMetadata: part["resultProviderMetadata"] };
  if (state === "output-available") return [{ ...call, type: "tool-output-available", output, preliminary }];
  if (state === "output-error") return [{ ...call, type: "tool-output-error", errorText }];
  if (state === "output-denied") return [{ ...call, type: "tool-output-denied" }];
  return [];
}
