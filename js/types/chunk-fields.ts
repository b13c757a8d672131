/** The fields that chunks of every kind share, and the JSON values in them. */

/** Any value that `JSON.parse` can return. */
export type JSONValue = null | string | number | boolean | JSONObject | readonly JSONValue[];

/** A JSON object. */
export interface JSONObject {
  [key: string]: JSONValue | undefined;
}

/** Data that a model provider attached, keyed by provider name. The package passes it on unchanged. */
export type ProviderMetadata = Record<string, JSONObject>;

/** The fields that the streaming client adds to every chunk. A chunk that `normalizeStreamChunk` returns has none of them. */
export interface ChunkOrigin {
  /**
   * The id of the event that carried this chunk. It is set only if the event's own block has an `id` field, which moves the
   * cursor.
   */
  eventId?: string;
  /**
   * Set when the chunk lies at or before the cursor that was saved before a reload, or, without event ids, within the saved
   * number of events. An app rebuilds its state from such a chunk, but runs no side effect for it again.
   */
  replayed?: true;
  /** Only an `UnknownChunk` sets this, so `if (chunk.unknown)` narrows a chunk to that type. */
  unknown?: undefined;
}
