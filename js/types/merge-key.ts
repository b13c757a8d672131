/**
 * The name under which a client offers `mergeMessages` to the package's parts that hold no WebAssembly. Each entry point bundles
 * its own copy of what it imports, and the function works only in the copy that loaded the module.
 */

import type { MergeOptions, Message } from "./messages.js";

/** The same in all entry points. */
export const MERGE: unique symbol = Symbol.for("rejoin.merge") as never;

/** The function `mergeMessages`. */
export type Merge = <S extends Message, L extends Message = S>(
  server: readonly S[],
  local: readonly L[],
  options?: MergeOptions,
) => Array<S | L>;
