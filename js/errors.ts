/** The one error of the package. */

/** What a `RejoinError` is made of beside its message. */
export interface RejoinErrorInit {
  code: string;
  status?: number | undefined;
  retryable?: boolean | undefined;
  details?: unknown;
  cause?: unknown;
}

/** Says what went wrong by a stable code; the message is one sentence for a person. */
export class RejoinError extends Error {
  override readonly name = "RejoinError";
  /** Stable, upper case: those of PROTOCOL §1, of the backend's `error` chunks, and the package's own. */
  readonly code: string;
  /** HTTP status, where there was one. */
  declare readonly status?: number;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** More, as the backend sent it. */
  declare readonly details?: unknown;

  constructor(message: string, init: RejoinErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.retryable = init.retryable ?? false;
    if (init.status !== undefined) this.status = init.status;
    if (init.details !== undefined) this.details = init.details;
  }
}

/** A synchronous utility was called before `init` was done. */
export function notInitialised(): RejoinError {
  return new RejoinError("Call and await init() before this function: the WebAssembly is not loaded yet.", {
    code: "NOT_INITIALISED",
    retryable: true,
  });
}
