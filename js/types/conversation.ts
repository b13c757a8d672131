/** The types of a whole chat: its messages, what waits to be sent, and the actions on them. */

import type { JSONObject, JSONValue } from "./chunk-fields.js";
import type { RejoinError } from "./errors.js";
import type { UIMessage, UIMessagePart } from "./messages.js";
import type { StreamOutcome, StreamStatus, StreamUsage, ToolApprovalResponse } from "./streams.js";

/** What `load` resolves with: the stored messages, oldest first, and the session's `active_stream` if the app knows it. */
export type LoadedHistory = readonly unknown[] | { messages: readonly unknown[]; activeStream?: object | null };

/** The options of `createConversation`. */
export interface ConversationOptions<MESSAGE extends UIMessage = UIMessage> {
  /** The history that the app has already, for example from a server component. It is not loaded again until `refresh`. */
  initialMessages?: readonly NoInfer<MESSAGE>[];
  /**
   * Loads the history. The default asks the backend for the session with the client's headers. An app that returns a list does
   * not say whether a task runs, so that `resume` asks the backend for it.
   */
  load?: (sessionId: string, signal: AbortSignal) => Promise<LoadedHistory>;
  /** Converts stored messages into messages to show. The default is the function `toUIMessages` of the package. */
  toUIMessages?: (stored: readonly unknown[]) => MESSAGE[];
  /** Creates the ids of messages. The default is a random UUID. */
  generateId?: () => string;
  /**
   * What happens to a message that is sent while an answer is written. With `"queue"`, the default, it goes out after the
   * answer. With `"reject"` it stays in the list as `unsent`, and `send` resolves with `TASK_RUNNING`.
   */
  whileRunning?: "queue" | "reject";
}

/** A message to send. */
export interface ConversationInput<MESSAGE extends UIMessage = UIMessage> {
  /** The text, which becomes the first part. */
  text?: string;
  /** Further parts, in order. */
  parts?: readonly UIMessagePart[];
  /** Files, which become parts with data URLs. */
  files?: FileList | readonly File[];
  /** Stored with the message. */
  metadata?: MESSAGE["metadata"];
  /** The page that the user is looking at. */
  context?: { url: string; content: string };
  /** An object of the app's for the agent. The backend does not store it with the message. */
  body?: JSONObject;
}

/** The output of a tool that the app has run, or the reason why it failed. */
export type ConversationToolOutput =
  | { toolCallId: string; output: JSONValue; errorText?: never }
  | { toolCallId: string; errorText: string; output?: never };

/** A tool call whose input is complete. */
export interface ConversationToolCall {
  toolCallId: string;
  toolName: string;
  input: unknown;
}

/** The state of a message that the backend does not have yet. */
export type MessageDelivery = "queued" | "sending" | "unsent";

/** All that a user interface shows of a chat. It is the same object until something changes. */
export interface ConversationSnapshot<MESSAGE extends UIMessage = UIMessage> {
  /**
   * The messages, oldest first. An answer that is being written is the last assistant message. Its `id` stays the same from its
   * first chunk on, also when the history names it otherwise.
   */
  messages: readonly MESSAGE[];
  /**
   * The state of the messages that the backend does not have, by message id. `queued` messages go out by themselves, `unsent`
   * ones with `retry`.
   */
  delivery: Readonly<Record<string, MessageDelivery>>;
  /** `loading` until the history is there, the status of the stream while a turn runs, and then `ready` or `error`. */
  status: StreamStatus | "loading" | "ready";
  /** Whether the stream is connecting, streaming, stalled or reconnecting. */
  isRunning: boolean;
  /** The error of the last turn, or of loading the history. */
  error?: RejoinError;
  /** The number of attempts in a row that brought no new event. */
  attempt: number;
  /** The time of the next attempt, in milliseconds since the Unix epoch. */
  retryAt?: number;
  /** `owner` if this tab holds the connection to the backend, `follower` if another tab holds it. */
  role: "owner" | "follower";
  /** The tokens that the last task has used, if the backend reports them. */
  usage?: StreamUsage;
}

/** The callbacks of `on`, by event. Each thing is reported once per browser tab, and nothing that is replayed. */
export interface ConversationEvents {
  /** A turn has ended, whoever began it. It is not called for a turn that only this tab has left. */
  finish: (outcome: StreamOutcome) => void;
  /** A turn or a load has failed. */
  error: (error: RejoinError) => void;
  /** The input of a tool call is complete. */
  toolCall: (call: ConversationToolCall) => void;
  /** A data part has arrived, also a transient one. */
  data: (part: { type: `data-${string}`; id?: string; data: any }) => void;
}

/** One chat. The first `subscribe`, or the first call that needs it, loads the history. */
export interface Conversation<MESSAGE extends UIMessage = UIMessage> {
  readonly sessionId: string;
  /** Returns the current snapshot, which is the same object until something changes. */
  getSnapshot(): ConversationSnapshot<MESSAGE>;
  /** Returns the snapshot of server rendering: `initialMessages` and `ready`. */
  getServerSnapshot(): ConversationSnapshot<MESSAGE>;
  /** Calls a function whenever the snapshot has changed. Returns a function that ends this. */
  subscribe(callback: () => void): () => void;
  /**
   * Sends a message, which is in the list at once. Resolves with the outcome of its turn, and with `superseded` if it is removed
   * from the queue. When the signal aborts, a message that the backend does not have becomes `unsent`, and otherwise this tab
   * leaves the stream.
   *
   * @throws {RejoinError} `INVALID_ARGUMENT` if there is nothing to send, or a field has the wrong type
   */
  send(input: string | ConversationInput<MESSAGE>, options?: { signal?: AbortSignal }): Promise<StreamOutcome>;
  /**
   * Replaces the named answer, or the last one. What came after its question is removed. Resolves `failed`, `MESSAGE_NOT_FOUND` if
   * there is no such message; `edit` and `retry` likewise.
   */
  regenerate(messageId?: string): Promise<StreamOutcome>;
  /**
   * Replaces a question and everything after it. A message that the backend does not have is replaced and sent. What was written
   * stays in the list as `unsent` if it cannot replace anything.
   */
  edit(messageId: string, input: string | ConversationInput<MESSAGE>): Promise<StreamOutcome>;
  /**
   * Shows the output of a tool call at once. When the answer is over and all its calls have outputs, the turn goes on.
   *
   * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
   */
  addToolOutput(output: ConversationToolOutput): Promise<void>;
  /**
   * Shows the person's decision at once, and goes on like `addToolOutput`.
   *
   * @throws {RejoinError} `TOOL_CALL_NOT_FOUND`, `TOOL_CALL_SETTLED`
   */
  respondToApproval(response: ToolApprovalResponse): Promise<void>;
  /**
   * Tries again: sends an unsent message under its own id, joins an answer that was lost, regenerates an answer that failed, or
   * loads the history. Without an id the last failure decides.
   */
  retry(messageId?: string): Promise<StreamOutcome>;
  /** Loads the history and joins the task that runs. Resolves with null if none does. */
  resume(): Promise<StreamOutcome | null>;
  /** Cancels the running task on the backend. Queued messages wait. */
  stop(): Promise<void>;
  /**
   * Loads the history again, merges it, and joins what runs.
   *
   * @throws {RejoinError} if the history cannot be loaded; the list stays
   */
  refresh(): Promise<void>;
  /** Replaces the list in this page. Queued and unsent messages that the new list lacks are removed. */
  setMessages(update: readonly MESSAGE[] | ((messages: readonly MESSAGE[]) => readonly MESSAGE[])): void;
  /** Removes a queued or an unsent message. */
  removeQueued(messageId: string): void;
  /** Removes the error. */
  clearError(): void;
  /** Ends all subscriptions of the conversation. The stream goes on for others. Later calls reject with `CLOSED`. */
  dispose(): void;
  /** Calls a function for an event. Returns a function that ends this. */
  on<EVENT extends keyof ConversationEvents>(event: EVENT, callback: ConversationEvents[EVENT]): () => void;
}

