/** Tables of the chunks of the AI SDK's UI message stream, as its majors 5 to 7 accept them. */

/** A major of the package `ai`. */
export type Major = 5 | 6 | 7;

export type Fields = Record<string, unknown>;

/** The shape of one type of chunk. */
interface Shape {
  /** The first major that has the type. */
  readonly since: Major;
  /** The fields that a chunk of this type must have. */
  readonly required: readonly string[];
  /** The fields that it may have, by the first major that accepts them. */
  readonly optional: Partial<Record<Major, readonly string[]>>;
}

const shape = (since: Major, required: string, optional: Partial<Record<Major, string>> = {}): Shape => ({
  since,
  required: words(required),
  optional: Object.fromEntries(Object.entries(optional).map(([major, names]) => [major, words(names)])),
});

const words = (text: string): string[] => text.split(" ").filter(Boolean);

const SHAPES = new Map<string, Shape>(
  Object.entries({
    start: shape(5, "", { 5: "messageId messageMetadata" }),
    finish: shape(5, "", { 5: "finishReason messageMetadata" }),
    abort: shape(5, "", { 6: "reason" }),
    "message-metadata": shape(5, "messageMetadata"),
    "start-step": shape(5, ""),
    "finish-step": shape(5, ""),
    "reset-step": shape(7, ""),
    "text-start": shape(5, "id", { 5: "providerMetadata" }),
    "text-delta": shape(5, "id delta", { 5: "providerMetadata" }),
    "text-end": shape(5, "id", { 5: "providerMetadata", 7: "citations" }),
    "reasoning-start": shape(5, "id", { 5: "providerMetadata" }),
    "reasoning-delta": shape(5, "id delta", { 5: "providerMetadata" }),
    "reasoning-end": shape(5, "id", { 5: "providerMetadata" }),
    "tool-input-start": shape(5, "toolCallId toolName", {
      5: "providerExecuted dynamic",
      6: "inputEncoding title providerMetadata toolMetadata",
    }),
    "tool-input-delta": shape(5, "toolCallId inputTextDelta"),
    "tool-input-available": shape(5, "toolCallId toolName input", {
      5: "providerExecuted dynamic providerMetadata",
      6: "title toolMetadata",
    }),
    "tool-input-error": shape(5, "toolCallId toolName input errorText", {
      5: "providerExecuted dynamic providerMetadata",
      6: "title toolMetadata",
    }),
    "tool-output-available": shape(5, "toolCallId output", {
      5: "providerExecuted dynamic preliminary",
      6: "providerMetadata toolMetadata",
    }),
    "tool-output-error": shape(5, "toolCallId errorText", {
      5: "providerExecuted dynamic",
      6: "providerMetadata toolMetadata",
    }),
    "tool-output-denied": shape(6, "toolCallId"),
    "tool-approval-request": shape(6, "approvalId toolCallId", {
      6: "approvalDescriptor inputSchemaInput signature",
      7: "reason isAutomatic",
    }),
    "tool-approval-response": shape(7, "approvalId approved", { 7: "reason providerExecuted providerMetadata" }),
    "source-url": shape(5, "sourceId url", { 5: "title providerMetadata" }),
    "source-document": shape(5, "sourceId mediaType title", { 5: "filename providerMetadata" }),
    file: shape(5, "url mediaType", { 5: "providerMetadata" }),
    "reasoning-file": shape(7, "url mediaType", { 7: "providerMetadata" }),
    custom: shape(7, "kind", { 7: "providerMetadata" }),
    "steering-message": shape(7, "id parts"),
  }),
);

/** The shape of every `data-<name>`. */
const DATA = shape(5, "data", { 5: "id transient" });

const isText = (value: unknown): boolean => typeof value === "string";
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Checks the values of fields as the parsers of the AI SDK do, whatever the type. A field that is not listed may have any
 * value.
 */
const VALUES: Record<string, (value: unknown) => boolean> = {
  id: isText,
  delta: isText,
  toolCallId: isText,
  toolName: isText,
  inputTextDelta: isText,
  errorText: isText,
  messageId: isText,
  approvalId: isText,
  sourceId: isText,
  url: isText,
  mediaType: isText,
  title: isText,
  filename: isText,
  kind: isText,
  reason: isText,
  signature: isText,
  finishReason: isText,
  inputEncoding: (value) => value === "json" || value === "text",
  dynamic: isFlag,
  providerExecuted: isFlag,
  preliminary: isFlag,
  transient: isFlag,
  approved: isFlag,
  isAutomatic: isFlag,
  providerMetadata: (value) => isObject(value) && Object.values(value).every(isObject),
  toolMetadata: isObject,
  citations: Array.isArray,
  parts: (value) => Array.isArray(value) && value.every((part) => isObject(part) && isText(part["type"])),
};

/** The finish reasons that all majors have. Some majors have one more. */
const FINISH_REASONS = ["stop", "length", "content-filter", "tool-calls", "error", "other"];
const OWN_FINISH_REASON: Record<Major, string | undefined> = { 5: "unknown", 6: undefined, 7: "interrupted" };

/**
 * Returns the chunk with only the fields that `major` accepts. Returns undefined if the major does not have the type, or if a
 * required field is missing or has a value of another kind.
 */
export function fit(chunk: Fields, major: Major): Fields | undefined {
  const type = chunk["type"] as string;
  const shape = SHAPES.get(type) ?? (type.startsWith("data-") ? DATA : undefined);
  if (!shape || shape.since > major || !shape.required.every((name) => isFit(name, chunk[name], name in chunk))) return undefined;
  const fitting: Fields = { type };
  for (const name of shape.required) fitting[name] = chunk[name];
  for (const name of optional(shape, major)) {
    const value = chunk[name];
    if (value !== undefined && value !== null && isFit(name, value, true)) fitting[name] = value;
  }
  if ("finishReason" in fitting) fitting["finishReason"] = finishReason(fitting["finishReason"] as string, major);
  return fitting;
}

/** Returns whether any major has chunks of this type. */
export function isKnownType(type: string): boolean {
  return SHAPES.has(type) || type.startsWith("data-");
}

function isFit(name: string, value: unknown, isThere: boolean): boolean {
  return isThere && (VALUES[name]?.(value) ?? true);
}

function optional(shape: Shape, major: Major): string[] {
  return Object.entries(shape.optional).flatMap(([since, names]) => (Number(since) <= major ? (names ?? []) : []));
}

function finishReason(reason: string, major: Major): string {
  return FINISH_REASONS.includes(reason) || reason === OWN_FINISH_REASON[major] ? reason : "other";
}
