/** The one error of the package. */

/** What a `RejoinError` may carry beside code and message. */
export interface RejoinErrorInit {
  status?: number | undefined;
  retryable?: boolean | undefined;
  details?: unknown;
  cause?: unknown;
}

/** Says what went wrong by a stable code; the message is one sentence for a person. */
export class RejoinError extends Error {
  /** Stable, upper case: those of PROTOCOL §1, of the backend's `error` chunks, and the package's own. */
  readonly code: string;
  /** HTTP status, where there was one. */
  declare readonly status?: number;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** More, as the backend sent it. */
  declare readonly details?: unknown;

  constructor(code: string, message: string, init: RejoinErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = code;
    this.retryable = init.retryable ?? false;
    if (init.status !== undefined) this.status = init.status;
    if (init.details !== undefined) this.details = init.details;
  }

  /** Entry points of the package are modules of their own, with a class each: an error of one is one of all. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== RejoinError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

const BRAND = Symbol.for("rejoin.error");
Object.defineProperty(RejoinError.prototype, BRAND, { value: true });

// On the prototype, as with the built-in errors: the name is none of an error's own properties.
Object.defineProperty(RejoinError.prototype, "name", { value: "RejoinError", configurable: true, writable: true });
