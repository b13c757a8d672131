/** The client and its options. Times are milliseconds. */

import type {
  ActiveTask, StreamListener, StreamMetrics, StreamOutcome, StreamRequest, StreamSnapshot, StreamStatus,
} from "./streams.js";

/** Synchronous, as Web Storage. May throw: the client then goes on in memory. */
export interface StorageLike {
  /** The text under a key; null where there is none. */
  getItem(key: string): string | null;
  /** May throw when it is full: the client goes on in memory. */
  setItem(key: string, value: string): void;
  /** Does nothing where there is none. */
  removeItem(key: string): void;
  /** With `length`: enumerates the keys, so that saved tasks of sessions not asked for are found. */
  key?(index: number): string | null;
  readonly length?: number;
}

/** For what headers are asked: a message is sent; a stream is joined or looked at; the last answer was 401. */
export type HeadersReason = "send" | "resume" | "unauthorized";

/** How retries go. */
export interface RetryOptions {
  /** The first delay in ms, before jitter. 1000. */
  initialDelayMs?: number;
  /** The longest delay in ms. 30 000. A server's `Retry-After` may be longer. */
  maxDelayMs?: number;
  /** Tries in a row without progress. Not given: 3 for a send without an answer; a known task has `windowMs`. */
  maxRetries?: number;
  /** How long a known task is tried without progress, in ms. 600 000. Then it failed, retryable, and stays saved. */
  windowMs?: number;
  /** `"never"`: for backends that cannot tell a repeated message by its id. `"same-id"`. */
  repost?: "same-id" | "never";
}

/** A frame that is no chunk. */
export interface MalformedFrame {
  /** Its data, as it came. */
  data: string;
  /** What is wrong with it. */
  reason: string;
}

/** Options of `createChatStreams`. */
export interface ChatStreamsOptions {
  /** Where PROTOCOL §1 is mounted. `"/api/chat"`. */
  baseUrl?: string;
  /** Asked anew for every request. One that throws or rejects fails the request, retryable. */
  headers?: HeadersInit | ((why: HeadersReason) => HeadersInit | Promise<HeadersInit>);
  /** Of every request. `"same-origin"`, as `fetch` has it. */
  credentials?: RequestCredentials;
  /** Instead of the global one. */
  fetch?: typeof fetch;
  /** `"local"`; falls back to memory where it is missing, full or throws. */
  storage?: "local" | "memory" | StorageLike;
  /** `"chat_active_tasks"`. */
  storageKey?: string;
  /** Separates the saved tasks of several users of one browser. */
  userKey?: string;
  /** How long a saved task counts, in ms since it was last saved. 3 600 000. */
  taskTtlMs?: number;
  retry?: RetryOptions;
  /** Silence after which a stream is rejoined, in ms. Not given: 3 announced heartbeats, else 45 000. */
  stallTimeoutMs?: number;
  /** One connection per task and browser. `true`. */
  crossTab?: boolean;
  /**
   * `"frame"`: at most one delivery per animation frame (or 50 ms while hidden); a replay, which brings more than 16 KiB of
   * chunks between two frames, is put together for up to 100 ms. `"immediate"`: as it comes.
   */
  delivery?: "frame" | "immediate";
  /** A frame was skipped; the stream goes on. */
  onMalformed?: (frame: MalformedFrame) => void;
  /** Seeds the jitter; for tests. */
  seed?: number;
}

/**
 * The streams of an app. Promises of `startStream`, `reconnectToTask` and `resumeSession` resolve with the outcome, also
 * a bad one; they reject (`RejoinError`) only for misuse: a closed client, arguments of the wrong type.
 */
export interface ChatStreams {
  /** The WebAssembly is there. Until then getters answer as an empty client's; every async method awaits it itself. */
  readonly ready: Promise<void>;
  /** Sends a message and streams its answer. While the session's stream runs: resolves `failed`, `TASK_RUNNING`. */
  startStream(sessionId: string, request: string | StreamRequest, listener?: StreamListener): Promise<StreamOutcome>;
  /** Joins a task after `lastMessageId`; not given: from its beginning. */
  reconnectToTask(
    sessionId: string,
    taskId: string,
    lastMessageId?: string,
    listener?: StreamListener,
  ): Promise<StreamOutcome>;
  /** Joins the saved task, else the session's `active_stream`, else resolves with null. */
  resumeSession(sessionId: string, listener?: StreamListener): Promise<StreamOutcome | null>;
  /** Listens to whatever streams the session has. `replay`: what the current one gave so far, first. Returns the way out. */
  subscribeToStream(sessionId: string, listener: StreamListener, options?: { replay?: boolean }): () => void;
  /** Cancels the task on the server: no tab resumes it, no later chunk is delivered. Resolves when that is acknowledged. */
  stopStream(sessionId: string): Promise<void>;
  /** Stops listening in this tab; the task goes on and stays saved. */
  detachStream(sessionId: string): void;
  /** `idle` for a session that this client has not streamed. */
  getStreamStatus(sessionId: string): StreamStatus;
  /** Connecting, streaming, stalled or reconnecting. */
  isStreaming(sessionId: string): boolean;
  /** The same object until something changed. */
  getSnapshot(sessionId: string): StreamSnapshot;
  /** Called when the snapshot changed. Returns the way out. */
  onSnapshot(sessionId: string, callback: () => void): () => void;
  /** Called after the last chunk of each stream was delivered. Returns the way out. */
  onStreamComplete(callback: (sessionId: string, outcome: StreamOutcome) => void): () => void;
  /** Saves a task that the app has learned of elsewhere, so that `resumeSession` finds it. */
  setActiveTask(sessionId: string, task: Partial<ActiveTask> & Pick<ActiveTask, "taskId">): void;
  /** The saved task of a session; null where there is none, or it is older than `taskTtlMs`. */
  getActiveTask(sessionId: string): ActiveTask | null;
  /** The saved tasks of all sessions. */
  listActiveTasks(): ActiveTask[];
  /** Called when the saved tasks changed, here or in another tab. Returns the way out. */
  onActiveTasks(callback: () => void): () => void;
  /** Forgets the saved task; a stream that runs goes on. */
  clearActiveTask(sessionId: string): void;
  /** Moves the saved cursor to the event that the app has handled last. */
  updateTaskLastMessageId(sessionId: string, lastMessageId: string): void;
  /** Of one session, or of all. */
  getMetrics(sessionId?: string): StreamMetrics;
  /** Saves cursors, keeps tasks, resolves pending promises as `superseded`, calls nothing back any more. Idempotent. */
  close(): void;
  /** `close`. */
  [Symbol.dispose](): void;
}
