/**
 * Chat streams that survive everything. The WebAssembly is inlined; nothing is decoded, and nothing of the page touched,
 * before `init()` or a client asks for it.
 *
 * @packageDocumentation
 */

import base64 from "../pkg/client.wasm";
import { decode } from "./base64.js";
import { bundle } from "./wasm.js";

bundle(() => decode(base64));

export * from "./api.js";
