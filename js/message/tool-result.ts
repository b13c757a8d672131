/** What tool responses say: whether they are the final one (API.md, `createStreamEventDispatcher`), and why a tool failed. */

type Fields = Record<string, unknown>;

/** A `tool_response` that is `preliminary`, or whose result is that an operation was started (PROTOCOL §5). */
export function isInterim(chunk: Fields): boolean {
  return chunk["preliminary"] === true || startedOperation(chunk["result"]) !== undefined;
}

/** The result of a tool whose operation was started and goes on (PROTOCOL §5), which some backends send as JSON text. */
export function startedOperation(result: unknown): Fields | undefined {
  if (typeof result === "string") return result.includes('"operation_started"') ? startedOperation(parsed(result)) : undefined;
  const isStarted = typeof result === "object" && result !== null && (result as Fields)["type"] === "operation_started";
  return isStarted ? (result as Fields) : undefined;
}

/** What a failed tool gave, as the one sentence that a part has for it. */
export function errorText(result: unknown): string {
  if (typeof result === "string") return result;
  const { error, message } = (typeof result === "object" && result !== null ? result : {}) as Fields;
  if (typeof error === "string") return error;
  if (typeof message === "string") return message;
  return JSON.stringify(result) ?? "";
}

/** The value of a JSON text; undefined where it is none, or a text again. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? undefined : value;
  } catch {
    return undefined;
  }
}
