/**
 * The same API as `rejoin` for Cloudflare Workers, which run WebAssembly but compile none: the module is a file that their
 * bundler compiles.
 *
 * @packageDocumentation
 */

import compiled from "./client.wasm";
import { bundle } from "./loader/wasm.js";

bundle(() => compiled as unknown as WebAssembly.Module);

export * from "./api.js";
