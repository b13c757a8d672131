/** What tool responses say: whether they are the final one (API.md, `createStreamEventDispatcher`), and why a tool failed. */

/** A `tool_response` that is `preliminary`, or whose result is that an operation was started (PROTOCOL §5). */
export function isInterim(chunk: Record<string, unknown>): boolean {
  return chunk["preliminary"] === true || typeOf(chunk["result"]) === "operation_started";
}

/** What a failed tool gave, as the one sentence that a part has for it. */
export function errorText(result: unknown): string {
  if (typeof result === "string") return result;
  const { error, message } = (typeof result === "object" && result !== null ? result : {}) as Record<string, unknown>;
  if (typeof error === "string") return error;
  if (typeof message === "string") return message;
  return JSON.stringify(result) ?? "";
}

/** Base backends send a tool's result as JSON text. */
function typeOf(result: unknown): unknown {
  if (typeof result === "string") return result.includes('"operation_started"') ? typeOf(parsed(result)) : undefined;
  return typeof result === "object" && result !== null ? (result as { type?: unknown }).type : undefined;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? undefined : value;
  } catch {
    return undefined;
  }
}
