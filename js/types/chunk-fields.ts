/** What chunks of every kind carry, and the JSON in them. */

/** What `JSON.parse` gives. */
export type JSONValue = null | string | number | boolean | JSONObject | JSONValue[];

/** A JSON object. */
export interface JSONObject {
  [key: string]: JSONValue | undefined;
}

/** Facts that a model provider attached, by provider name. Handed on as they came. */
export type ProviderMetadata = Record<string, JSONObject>;

/** What the streaming client adds to every chunk. Absent on a chunk that `normalizeStreamChunk` made. */
export interface ChunkOrigin {
  /** The id of the event that brought this chunk, where the event's own block has an `id` field. It moved the cursor. */
  eventId?: string;
  /**
   * The chunk lies at or before the cursor that was saved before a reload (without event ids: within the saved count).
   * Rebuild from it, but run no side effect again.
   */
  replayed?: true;
  /** Set on an `UnknownChunk` only: `if (chunk.unknown)` narrows to it. */
  unknown?: undefined;
}
