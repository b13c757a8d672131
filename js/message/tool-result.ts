/** Interprets tool responses: whether a response is final, which operation it started, and why a tool failed. */

import { record } from "./fields.js";
import type { Fields } from "./fields.js";

/**
 * Returns whether a later response to the same call follows: this one is `preliminary`, or an operation was started
 * (PROTOCOL §5).
 */
export function isInterim(chunk: Fields): boolean {
  return chunk["preliminary"] === true || startedOperation(chunk["result"]) !== undefined;
}

/**
 * Returns the result if it says that an operation was started (PROTOCOL §5), and otherwise undefined. Some backends send the
 * result as JSON text.
 */
export function startedOperation(result: unknown): Fields | undefined {
  if (typeof result === "string") return result.includes('"operation_started"') ? startedOperation(parsed(result)) : undefined;
  const isStarted = typeof result === "object" && result !== null && (result as Fields)["type"] === "operation_started";
  return isStarted ? (result as Fields) : undefined;
}

/** Returns the result of a failed tool as the text that a part has for it. */
export function errorText(result: unknown): string {
  if (typeof result === "string") return result;
  const { error, message } = record(result);
  if (typeof error === "string") return error;
  if (typeof message === "string") return message;
  return JSON.stringify(result) ?? "";
}

/** Returns the value of a JSON text, or undefined if the text is not JSON or its value is a string. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? undefined : value;
  } catch {
    return undefined;
  }
}
