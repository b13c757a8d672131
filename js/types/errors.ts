/** `RejoinError`, the only error class of the client. */

/** The optional properties of a `RejoinError`. */
export interface RejoinErrorInit {
  status?: number | undefined;
  retryable?: boolean | undefined;
  details?: unknown;
  cause?: unknown;
}

/** An error with a stable `code` for programs and a `message` of one sentence for people. */
export class RejoinError extends Error {
  /** A stable code in upper case: one of PROTOCOL §1, one of an `error` chunk, or one of the package's own. */
  readonly code: string;
  /** The HTTP status of the response that failed, if there was one. */
  declare readonly status?: number;
  /** True if the same call may succeed later. */
  readonly retryable: boolean;
  /** Further data about the error, as the backend sent it. */
  declare readonly details?: unknown;

  constructor(code: string, message: string, init: RejoinErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.retryable = init.retryable ?? false;
    if (init.status !== undefined) this.status = init.status;
    if (init.details !== undefined) this.details = init.details;
  }

  /**
   * Each entry point of the package bundles its own copy of this class. An instance of one copy counts as an instance of
   * all.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== RejoinError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

const BRAND = Symbol.for("rejoin.error");
Object.defineProperty(RejoinError.prototype, BRAND, { value: true });

// The name is on the prototype, as with built-in errors, so that it is not listed among an error's own properties.
Object.defineProperty(RejoinError.prototype, "name", { value: "RejoinError", configurable: true, writable: true });
