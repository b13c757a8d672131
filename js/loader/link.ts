/** Connects the WebAssembly with the JavaScript that wasm-bindgen generates for it. */

import * as generated from "../../pkg/rejoin.js";
import { readMemoryOf } from "./memory.js";
import { shielded } from "./shield.js";

/** The members of the generated module that its types do not declare. */
type Glue = WebAssembly.ModuleImports & { __wbg_set_wasm(exports: WebAssembly.Exports): void };
type GlueExports = WebAssembly.Exports & { memory: WebAssembly.Memory; __wbindgen_start(): void };

const glue = generated as unknown as Glue;

/** The imports of the WebAssembly module. */
export const imports: WebAssembly.Imports = { "./rejoin_bg.js": glue };

/** Makes `instance` the one that all exports of the generated module call, and starts it. */
export function link(instance: WebAssembly.Instance): void {
  const exports = instance.exports as GlueExports;
  glue.__wbg_set_wasm(shielded(exports));
  readMemoryOf(exports);
  exports.__wbindgen_start();
}
