/** What both `rejoin` and `rejoin/slim` offer. */

export * from "./types.js";
export { RejoinError, type RejoinErrorInit } from "./errors.js";
export { init, initSync } from "./wasm.js";
export type { WasmSource } from "./wasm.js";
export { createChatStreams } from "./client.js";
export { createStreamEventDispatcher } from "./dispatcher.js";
export { mergeMessages } from "./merge.js";
export { INITIAL_RETRY_DELAY, MAX_RETRIES, isLegacyStreamChunk, normalizeStreamChunk, parseSSELine } from "./normalize.js";
export { ParseError, createParser } from "./parser.js";
