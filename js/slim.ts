/**
 * The same API as `rejoin`, without the WebAssembly. Call `init(source)` first, with the URL or the bytes of
 * `rejoin/client.wasm`.
 *
 * @packageDocumentation
 */

export * from "./api.js";
