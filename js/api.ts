/** Exports the API that `rejoin` and `rejoin/slim` share. */

export * from "./types/index.js";
export { RejoinError, type ClientErrorCode, type RejoinErrorCode, type RejoinErrorInit, type ServerErrorCode } from "./types/errors.js";
export { init, initSync } from "./loader/wasm.js";
export type { WasmSource } from "./loader/wasm.js";
export { createChatStreams } from "./streams/client.js";
export { createConversation, toUIMessages } from "./conversation/index.js";
export { createStreamEventDispatcher } from "./compat/dispatcher.js";
export { mergeMessages } from "./compat/merge.js";
export { INITIAL_RETRY_DELAY, MAX_RETRIES, isLegacyStreamChunk, normalizeStreamChunk, parseSSELine } from "./compat/normalize.js";
export { ParseError, createParser } from "./compat/parser.js";
