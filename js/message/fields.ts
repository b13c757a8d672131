/** Reads fields of messages whose shape is not known: the server's, an app's or the AI SDK's. */

export type Fields = Record<string, unknown>;

/** Returns an object itself, and an empty one for any other value. */
export function record(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

/** The types of results and messages which say that an operation still runs (PROTOCOL §7). */
export const PENDING = new Set<unknown>(["operation_started", "operation_pending", "operation_in_progress"]);

/** Returns whether a value is an id. */
export function isId(id: unknown): boolean {
  return (typeof id === "string" && id !== "") || typeof id === "number";
}

/** Returns a string itself, or the joined texts of a list of parts. */
export function plainText(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  return content.map((part: Fields | null) => (part?.["type"] === "text" ? String(part["text"] ?? "") : "")).join("");
}

/** Returns the value of a JSON text, or the text itself if it is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
