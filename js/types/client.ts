/** The types of the client and its options. Durations are in milliseconds. */

import type { StreamChunk } from "./chunks.js";
import type {
  ActiveTask, LoadedSession, SentTurn, StreamListener, StreamMetrics, StreamOutcome, StreamRequest, StreamSnapshot, StreamStatus,
} from "./streams.js";

/** A synchronous storage with the interface of Web Storage. If a method throws, the client continues in memory. */
export interface StorageLike {
  /** Returns the text of a key, or null if there is none. */
  getItem(key: string): string | null;
  /** Stores a text. It may throw when the storage is full. */
  setItem(key: string, value: string): void;
  /** Removes a key. It does nothing if there is none. */
  removeItem(key: string): void;
  /** Enumerates the keys together with `length`, so that the client finds the saved tasks of all sessions. */
  key?(index: number): string | null;
  readonly length?: number;
}

/**
 * The reason why the client asks for headers: it sends a message, it joins a stream or looks it up, or the backend answered
 * 401.
 */
export type HeadersReason = "send" | "resume" | "unauthorized";

/** The options of retries. */
export interface RetryOptions {
  /** The first delay before jitter, in milliseconds. The default is 1000. */
  initialDelayMs?: number;
  /** The longest delay, in milliseconds. The default is 30 000. A server's `Retry-After` may be longer. */
  maxDelayMs?: number;
  /**
   * The largest number of attempts in a row without progress. The default is 3 for a message without an answer; a known task
   * has `windowMs` instead.
   */
  maxRetries?: number;
  /**
   * How long the client tries to reach a known task without progress, in milliseconds. The default is 600 000. After that
   * the stream fails with a retryable error, and the task stays saved.
   */
  windowMs?: number;
  /**
   * Whether the client may send a message again under the same id. Use `"never"` for a backend that ignores ids. The default
   * is `"same-id"`.
   */
  repost?: "same-id" | "never";
}

/** An event whose data is not a chunk. */
export interface MalformedFrame {
  /** The data of the event, unchanged. */
  data: string;
  /** The reason why it is not a chunk. */
  reason: string;
}

/** A request that is about to be made, as `prepareRequest` receives it. */
export interface PreparedRequest {
  /**
   * - `send`: a message is posted.
   * - `join`: the stream of a task is joined.
   * - `session`: a session is looked at.
   * - `task`: the status of a task is looked at.
   * - `cancel`: a task, or the answer to a message, is cancelled.
   */
  kind: "send" | "join" | "session" | "task" | "cancel";
  /** The id of the session that the request is about. */
  sessionId?: string;
  /** The id of the task, with `join`, `task` and the `cancel` of a task. */
  taskId?: string;
  /** The event after which a `join` begins, `"0-0"` for the beginning. */
  cursor?: string;
  url: string;
  init: RequestInit;
  /** The body as an object, if the request has one. `init.body` is its JSON text. */
  body?: object;
}

/** What `prepareRequest` changes in a request. */
export interface RequestChange {
  url?: string;
  /** Members that replace those of the request. */
  init?: RequestInit;
}

/** The options of `createChatStreams`. */
export interface ChatStreamsOptions {
  /** The address of the endpoints of PROTOCOL §1. The default is `"/api/chat"`. */
  baseUrl?: string;
  /** The address of those endpoints that answer JSON, if they are not below `baseUrl`: a proxy may keep streams apart. */
  jsonBaseUrl?: string;
  /**
   * Headers, or a function that the client calls before every request. If it throws or rejects, the request fails with a
   * retryable error.
   */
  headers?: HeadersInit | ((why: HeadersReason) => HeadersInit | Promise<HeadersInit>);
  /**
   * Called for every request, after `headers`, so that a backend may have other paths, names or query parameters. It may
   * change `init` in place, or return another `url` and members of `init` that replace those of the request. The client's
   * `signal` stays in force. If it throws or rejects, the request fails with a retryable error.
   */
  prepareRequest?: (request: PreparedRequest) => RequestChange | void | Promise<RequestChange | void>;
  /** The credentials mode of every request. The default is `"same-origin"`, as in `fetch`. */
  credentials?: RequestCredentials;
  /** A function to use instead of the global `fetch`. */
  fetch?: typeof fetch;
  /**
   * Where the client saves running tasks. The default is `"local"`. The client continues in memory if the storage is
   * missing, full or throws.
   */
  storage?: "local" | "memory" | StorageLike;
  /** The key, or the prefix of the keys, under which the client saves tasks. The default is `"chat_active_tasks"`. */
  storageKey?: string;
  /** Separates the saved tasks of several users of one browser. */
  userKey?: string;
  /** How long a saved task stays valid after it was last saved, in milliseconds. The default is 3 600 000. */
  taskTtlMs?: number;
  retry?: RetryOptions;
  /**
   * The silence after which the client rejoins a stream, in milliseconds. The default is three heartbeats if the server
   * announces them, and otherwise 45 000.
   */
  stallTimeoutMs?: number;
  /** Whether the tabs of a browser share one connection per task. The default is `true`. */
  crossTab?: boolean;
  /**
   * When listeners receive chunks. With `"frame"`, the default, it is at most once per animation frame, or every 50 ms while
   * the page is hidden. A replay, which brings more than 16 KiB of chunks between two frames, is collected for up to 100 ms.
   * With `"immediate"` listeners receive the chunks of each read at once.
   */
  delivery?: "frame" | "immediate";
  /** Called for each event that the client skips because its data is not a chunk. */
  onMalformed?: (frame: MalformedFrame) => void;
  /** The seed of the jitter, for tests. */
  seed?: number;
}

/**
 * The client. Its methods may be taken off it and called by themselves. The promises of `startStream`, `reconnectToTask` and `resumeSession` resolve with the outcome, even if that is
 * a failure. They reject with a `RejoinError` only for misuse: a closed client or arguments of the wrong type.
 */
export interface ChatStreams extends Disposable {
  /**
   * Resolves when the WebAssembly is loaded. Until then getters answer like those of an empty client; async methods wait for
   * it.
   */
  readonly ready: Promise<void>;
  /**
   * Sends a message and streams its answer. While the session has a running stream it resolves with `failed` and
   * `TASK_RUNNING`.
   */
  startStream(sessionId: string, request: string | StreamRequest, listener?: StreamListener): Promise<StreamOutcome>;
  /** Joins the stream of a task after the event `lastMessageId`, or from its beginning if that is not given. */
  reconnectToTask(
    sessionId: string,
    taskId: string,
    lastMessageId?: string,
    listener?: StreamListener,
  ): Promise<StreamOutcome>;
  /** Joins the session's saved task, or else its `active_stream`. Resolves with null if there is neither. */
  resumeSession(sessionId: string, listener?: StreamListener): Promise<StreamOutcome | null>;
  /**
   * Adds a listener to all streams of a session and returns a function that removes it. With `replay` it first receives what
   * the current stream has delivered so far.
   */
  subscribeToStream(sessionId: string, listener: StreamListener, options?: { replay?: boolean }): () => void;
  /**
   * Cancels the task on the backend: no tab resumes it, and listeners receive no later chunk. Resolves when the backend has
   * acknowledged it.
   */
  stopStream(sessionId: string): Promise<void>;
  /** Ends the stream in this tab. The task goes on and stays saved. */
  detachStream(sessionId: string): void;
  /**
   * Iterates over the chunks of the session's stream: of the one that runs, or else of the next one. With `replay` it begins
   * with what that stream has delivered so far. The loop ends when the stream does, and throws the outcome's `RejoinError` if
   * that is `failed` or `expired`. An aborted `signal` ends it without an error. Leaving the loop detaches nothing.
   */
  chunks(sessionId: string, options?: { replay?: boolean; signal?: AbortSignal }): AsyncIterable<StreamChunk>;
  /** Returns the status of a session's stream, which is `idle` if this client has not streamed it. */
  getStreamStatus(sessionId: string): StreamStatus;
  /** Returns whether the stream is connecting, streaming, stalled or reconnecting. */
  isStreaming(sessionId: string): boolean;
  /** Returns the current snapshot, which is the same object until something changes. */
  getSnapshot(sessionId: string): StreamSnapshot;
  /** Calls a function whenever the snapshot has changed. Returns a function that ends this. */
  onSnapshot(sessionId: string, callback: () => void): () => void;
  /** Calls a function after the last chunk of each stream. Returns a function that ends this. */
  onStreamComplete(callback: (sessionId: string, outcome: StreamOutcome) => void): () => void;
  /**
   * Loads a session (`GET /sessions/{id}`) with this client's headers, `fetch` and bases. Rejects with a `RejoinError`: the
   * backend's code, `NETWORK_ERROR`, or `INVALID_RESPONSE` if the answer is no session; with the signal's reason if that is
   * aborted.
   */
  loadSession(sessionId: string, options?: { signal?: AbortSignal }): Promise<LoadedSession>;
  /**
   * Calls a function when a backend has taken a message, of this client or of another tab, before its answer is delivered. A
   * repeat of the same message is not reported again. The text of another tab's message comes by broadcast and is never
   * stored. Returns a function that ends this.
   */
  onTurn(callback: (sessionId: string, turn: SentTurn) => void): () => void;
  /** Saves a task that the app knows from elsewhere, so that `resumeSession` finds it. */
  setActiveTask(sessionId: string, task: Partial<ActiveTask> & Pick<ActiveTask, "taskId">): void;
  /** Returns the saved task of a session, or null if there is none or it is older than `taskTtlMs`. */
  getActiveTask(sessionId: string): ActiveTask | null;
  /** Returns the saved tasks of all sessions. */
  listActiveTasks(): ActiveTask[];
  /** Calls a function whenever the saved tasks have changed, in this tab or another one. Returns a function that ends this. */
  onActiveTasks(callback: () => void): () => void;
  /** Removes the saved task of a session. A running stream goes on. */
  clearActiveTask(sessionId: string): void;
  /** Sets the saved cursor to the last event that the app has handled. */
  updateTaskLastMessageId(sessionId: string, lastMessageId: string): void;
  /**
   * Lets go of what this page holds of a session: its stream, its chunks, its message, its counters. The saved task stays, so
   * that `resumeSession` goes on with it. Sessions that ended and that nobody watches are forgotten beyond the newest 50.
   */
  forget(sessionId: string): void;
  /** Returns the counters of one session, or of all together. */
  getMetrics(sessionId?: string): StreamMetrics;
  /**
   * Saves cursors, keeps saved tasks, resolves pending promises with `superseded`, and calls no callback any more. Further
   * calls do nothing. `using streams = createChatStreams()` calls it, where the platform has `Symbol.dispose`.
   */
  close(): void;
}

declare global {
  /**
   * `ChatStreams` is disposable in a program whose `lib` has `esnext.disposable`, and compiles without it: there this
   * interface has no members.
   */
  interface Disposable {}
}
