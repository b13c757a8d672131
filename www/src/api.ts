// Calls the backend's JSON endpoints (PROTOCOL §1). `rejoin` does everything that streams.

/** One line of the list of chats. Times are ISO 8601. */
export interface SessionSummary {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly title: string | null;
  readonly is_processing: boolean;
}

/** A message as the server stores it. */
export interface StoredMessage {
  readonly id: string;
  readonly role: "user" | "assistant" | "tool";
  readonly content: string;
  readonly sequence?: number;
  readonly tool_calls?: readonly StoredToolCall[];
  readonly tool_call_id?: string;
  readonly name?: string;
  readonly created_at?: string;
}

export interface StoredToolCall {
  readonly id: string;
  readonly type: "function";
  /** `arguments` is JSON text. */
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface SessionDetail {
  readonly id: string;
  readonly messages: readonly StoredMessage[];
  /** The task that runs now. What it has written so far is in its stream, not among the messages. */
  readonly active_stream: { readonly task_id: string } | null;
}

/** A request that failed. `code` is the server's, or one of NETWORK_ERROR, INVALID_RESPONSE, HTTP_<status>. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status?: number,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export class Api {
  constructor(
    private readonly baseUrl: string,
    private readonly network: typeof fetch,
  ) {}

  createSession(): Promise<{ id: string }> {
    return this.#ask("/sessions", { method: "POST" }, (body) => isRecord(body) && typeof body["id"] === "string");
  }

  listSessions(): Promise<{ sessions: readonly SessionSummary[] }> {
    return this.#ask("/sessions?limit=100", {}, (body) => isRecord(body) && Array.isArray(body["sessions"]));
  }

  session(id: string): Promise<SessionDetail> {
    const path = `/sessions/${encodeURIComponent(id)}`;
    return this.#ask(path, {}, (body) => isRecord(body) && Array.isArray(body["messages"]));
  }

  async #ask<T>(path: string, init: RequestInit, fits: (body: unknown) => boolean): Promise<T> {
    const response = await this.#reach(path, init);
    const body = await readJson(response);
    if (!response.ok) throw refusal(response, body);
    if (!fits(body)) throw new ApiError("INVALID_RESPONSE", `The answer of ${path} is not the chat backend's`, response.status);
    return body as T;
  }

  async #reach(path: string, init: RequestInit): Promise<Response> {
    try {
      return await this.network(this.baseUrl + path, { headers: { accept: "application/json" }, ...init });
    } catch (error) {
      throw new ApiError("NETWORK_ERROR", error instanceof Error ? error.message : String(error));
    }
  }
}

/** Returns the body as JSON, or undefined if it is something else, such as an HTML page. */
async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return undefined;
  }
}

function refusal(response: Response, body: unknown): ApiError {
  const detail = isRecord(body) && isRecord(body["detail"]) ? body["detail"] : {};
  const code = typeof detail["code"] === "string" ? detail["code"] : `HTTP_${response.status}`;
  const message = typeof detail["message"] === "string" ? detail["message"] : `${response.status} ${response.statusText}`;
  return new ApiError(code, message, response.status);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
