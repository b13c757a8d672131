/** Makes errors of what is none. */

import { RejoinError } from "../types/errors.js";

/** Returns the error itself if it is a `RejoinError`, and otherwise one with `code` and the same sentence. */
export function toRejoinError(error: unknown, code = "FAILED"): RejoinError {
  if (error instanceof RejoinError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new RejoinError(code, message, { cause: error, retryable: true });
}
