/** One turn as this page sees it: who began it, what it shows, and how far it has come. */

import type { Answer } from "./answer.js";
import type { StreamOutcome, StreamSnapshot, UIMessage } from "../../types/index.js";

/**
 * - `own`: a call of this conversation waits for its outcome.
 * - `tab`: another tab, or other code of this page, has sent a message.
 * - `unknown`: a stream runs and nobody said which message it answers.
 */
export type Origin = "own" | "tab" | "unknown";

export interface Turn<MESSAGE extends UIMessage> {
  origin: Origin;
  /** The id under which its message is sent. */
  messageId?: string | undefined;
  /** The question, if this turn sends one. */
  question?: { readonly key: string } | undefined;
  /** The message that the turn goes on with. */
  continues?: MESSAGE | undefined;
  /** Whether an operation goes on with the message, in a task that names it otherwise (PROTOCOL §7). */
  isOperation?: boolean;
  /** The answer, once its stream has begun. */
  answer?: Answer<MESSAGE> | undefined;
  /** What the stream has given of the answer. */
  source?: UIMessage;
  /** The task that has given it. */
  task?: string | undefined;
  /** Whether the backend has the question. */
  isTaken: boolean;
  /** Whether the history was asked for the question. */
  isLookedUp: boolean;
  /** Whether the last chunk of the answer has come. */
  isWhole: boolean;
  /** Whether the list waits for a history before it shows the answer. */
  isHidden: boolean;
  /** Whether the history may have a part of the answer, which the stream repeats. */
  repeatsHistory: boolean;
  /** Whether the history has to be loaded once the task runs, because it says what the turn replaces or answers. */
  needsHistory: boolean;
  /** Whether the person has stopped the turn, or let go of it, before its request was made. */
  isCancelled: boolean;
  /** The outcome of the stream, which may be that of another message's task. */
  completed?: StreamOutcome;
  /** The stream's snapshot before the turn began. What it says is not of this turn. */
  readonly before: StreamSnapshot;
}

export type TurnInit<MESSAGE extends UIMessage> = Pick<Turn<MESSAGE>, "origin"> & Partial<Turn<MESSAGE>>;

export function createTurn<MESSAGE extends UIMessage>(before: StreamSnapshot, init: TurnInit<MESSAGE>): Turn<MESSAGE> {
  return {
    isTaken: false,
    isLookedUp: false,
    isWhole: false,
    isHidden: false,
    repeatsHistory: false,
    needsHistory: false,
    isCancelled: false,
    before,
    ...init,
  };
}

/** Returns whether a snapshot says something of a task that has begun since the turn did. */
export function hasBegun({ before }: Turn<UIMessage>, { taskId, message }: StreamSnapshot): boolean {
  return (taskId !== undefined && taskId !== before.taskId) || (message !== null && message !== before.message);
}

/** Returns whether the backend has the message that a turn has sent. */
export function wasTaken({ isTaken }: Turn<UIMessage>, { kind, taskId, joined, error }: StreamOutcome): boolean {
  if (joined || isBusy(error)) return false;
  return isTaken || kind === "finished" || kind === "expired" || (taskId !== undefined && kind === "failed");
}

/** Returns whether an error says that the session answers another message. */
export function isBusy(error: { code: string } | undefined): boolean {
  return error?.code === "TASK_RUNNING";
}
