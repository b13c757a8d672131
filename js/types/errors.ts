/** `RejoinError`, the only error class of the client. */

/** The optional properties of a `RejoinError`. */
export interface RejoinErrorInit {
  status?: number | undefined;
  retryable?: boolean | undefined;
  details?: unknown;
  cause?: unknown;
}

/** The codes of the package itself. docs/errors.md says when each occurs. */
export type ClientErrorCode =
  | "CLOSED"
  | "CODE_GENERATION_BLOCKED"
  | "CSP_BLOCKED"
  | "DELIVERY_FAILED"
  | "EVENT_TOO_LARGE"
  | "HEADERS_FAILED"
  | "INIT_FAILED"
  | "INVALID_ARGUMENT"
  | "INVALID_RESPONSE"
  | "INVALID_URL"
  | "INVALID_WASM"
  | "MESSAGE_LOST"
  | "MESSAGE_UNCLEAR"
  | "NETWORK"
  | "NETWORK_ERROR"
  | "NOT_EVENT_STREAM"
  | "NOT_INITIALISED"
  | "PREPARE_FAILED"
  | "STREAM_BROKEN"
  | "STREAM_CUT"
  | "STREAM_STALLED"
  | "TASK_FAILED"
  | "UNSUPPORTED";

/** The codes of PROTOCOL §1 that a call of the client may end with. */
export type ServerErrorCode =
  | "ACCESS_DENIED"
  | "CURSOR_TRIMMED"
  | "INTERRUPTED"
  | "INVALID_CURSOR"
  | "INVALID_REQUEST"
  | "MESSAGE_CANCELLED"
  | "MESSAGE_NOT_FOUND"
  | "MESSAGE_REPLACED"
  | "MESSAGE_TOO_LARGE"
  | "NOT_FOUND"
  | "OPERATION_LOST"
  | "ORIGIN_REFUSED"
  | "RATE_LIMITED"
  | "REQUEST_TIMEOUT"
  | "SERVICE_UNAVAILABLE"
  | "SESSION_NOT_FOUND"
  | "STORE_UNAVAILABLE"
  | "TASK_EXPIRED"
  | "TASK_NOT_FOUND"
  | "TASK_RUNNING"
  | "TOOL_CALL_NOT_FOUND"
  | "TOOL_CALL_SETTLED"
  | "TOOL_CALLS_PENDING"
  | "UNAUTHORIZED"
  | "UNSUPPORTED_MEDIA_TYPE";

/** The code of a `RejoinError`: one of ours, or any that a backend uses. */
export type RejoinErrorCode = ClientErrorCode | ServerErrorCode | (string & Record<never, never>);

/** An error with a stable `code` for programs and a `message` of one sentence for people. */
export class RejoinError extends Error {
  // The build shortens the names of classes, and consoles show that of an error.
  static override readonly name: string = "RejoinError";

  /** A stable code in upper case: one of PROTOCOL §1, one of an `error` chunk, or one of the package's own. */
  readonly code: RejoinErrorCode;
  /** The HTTP status of the response that failed, if there was one. */
  declare readonly status?: number;
  /** True if the same call may succeed later. */
  readonly retryable: boolean;
  /** Further data about the error, as the backend sent it. */
  declare readonly details?: unknown;

  constructor(code: RejoinErrorCode, message: string, init: RejoinErrorInit = {}) {
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

/** Returns the error itself if it is a `RejoinError`, and otherwise one with `code` and the same sentence. */
export function toRejoinError(error: unknown, code: RejoinErrorCode = "FAILED"): RejoinError {
  if (error instanceof RejoinError) return error;
  return new RejoinError(code, error instanceof Error ? error.message : String(error), { cause: error, retryable: true });
}

const BRAND = Symbol.for("rejoin.error");
Object.defineProperty(RejoinError.prototype, BRAND, { value: true });

// The name is on the prototype, as with built-in errors, so that it is not listed among an error's own properties.
Object.defineProperty(RejoinError.prototype, "name", { value: "RejoinError", configurable: true, writable: true });
