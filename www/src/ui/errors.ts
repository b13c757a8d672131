// Explains error codes to a person. The code is always shown beside the sentence, so that it can be looked up.

/** Anything that carries a code: a `RejoinError`, an `ApiError`. */
export interface Coded {
  readonly code: string;
  readonly message: string;
  readonly status?: number | undefined;
}

const SENTENCES: Readonly<Record<string, string>> = {
  ACCESS_DENIED: "This chat belongs to someone else.",
  CSP_BLOCKED: "This page's content security policy forbids WebAssembly ('wasm-unsafe-eval').",
  CURSOR_TRIMMED: "The server no longer has the whole answer.",
  INTERRUPTED: "The server was interrupted while it answered.",
  INVALID_REQUEST: "The server did not understand the request.",
  INVALID_RESPONSE: "Something answered, but it is not the chat backend. Is the base URL right?",
  MESSAGE_LOST: "The message did not arrive.",
  MESSAGE_TOO_LARGE: "The message is too long.",
  NETWORK_ERROR: "The backend can't be reached.",
  NOT_EVENT_STREAM: "Something answered, but not with a stream. Is the base URL right, are you signed in?",
  NOT_FOUND: "Nothing is there. Is the base URL right?",
  RATE_LIMITED: "Too many requests just now. Wait a moment and try again.",
  SERVICE_UNAVAILABLE: "The server is busy or restarting.",
  SESSION_NOT_FOUND: "This chat does not exist, or no longer.",
  STORE_UNAVAILABLE: "The server can't reach its store. Try again soon.",
  STREAM_CUT: "The connection breaks again and again.",
  STREAM_STALLED: "The connection stays silent.",
  TASK_EXPIRED: "The answer was kept for a while and is gone now.",
  TASK_NOT_FOUND: "The server does not know this answer any more.",
  TASK_RUNNING: "Another answer is still being written here. Send again when it is done.",
  UNAUTHORIZED: "You are not signed in, or your session has run out.",
  UNSUPPORTED: "This browser is too old for the WebAssembly that the chat needs.",
};

const BY_STATUS: Readonly<Record<number, string>> = {
  401: "You are not signed in, or your session has run out.",
  403: "You may not do this.",
  404: "Nothing is there. Is the base URL right?",
  405: "Nothing is there. Is the base URL right?",
  500: "The server failed.",
  502: "The server behind the proxy can't be reached.",
  503: "The server is busy or restarting.",
};

export function friendly(error: Coded): string {
  const known = SENTENCES[error.code] ?? (error.status === undefined ? undefined : BY_STATUS[error.status]);
  return known ?? (error.message || "Something went wrong.");
}

/** Returns any thrown value as something with a code. */
export function coded(error: unknown): Coded {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error as Error & Coded;
  return { code: "UNKNOWN", message: error instanceof Error ? error.message : String(error) };
}
