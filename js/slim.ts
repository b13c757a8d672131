/**
 * The same as `rejoin` without the WebAssembly: call `init(source)` with the URL or bytes of `rejoin/client.wasm` first.
 *
 * @packageDocumentation
 */

export * from "./api.js";
