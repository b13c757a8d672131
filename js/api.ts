/** What both `rejoin` and `rejoin/slim` offer. */

export * from "./types.js";
export { RejoinError } from "./errors.js";
export { init, initSync } from "./wasm.js";
export type { WasmSource } from "./wasm.js";
export { createChatStreams } from "./client.js";
