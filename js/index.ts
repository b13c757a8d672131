/**
 * Chat streams that survive cuts, reloads, restarts and tabs, with the WebAssembly inlined. Importing this module neither
 * decodes it nor uses anything of the page; that happens when `init()` or a client needs it.
 *
 * @packageDocumentation
 */

import packed from "../pkg/client.wasm";
import { unpack } from "./loader/bytes.js";
import { bundle } from "./loader/wasm.js";

bundle(() => unpack(packed));

export * from "./api.js";
