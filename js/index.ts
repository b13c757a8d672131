/**
 * Chat streams that survive everything. The WebAssembly is inlined; nothing is decoded, and nothing of the page touched,
 * before `init()` or a client asks for it.
 *
 * @packageDocumentation
 */

import packed from "../pkg/client.wasm";
import { unpack } from "./loader/bytes.js";
import { bundle } from "./loader/wasm.js";

bundle(() => unpack(packed));

export * from "./api.js";
