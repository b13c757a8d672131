/** One turn as this page sees it: who began it, what it shows, and how far it has come. */

import type { Answer } from "./answer.js";
import type { StreamOutcome, StreamSnapshot, UIMessage } from "../../types/index.js";

export interface Turn<MESSAGE extends UIMessage> {
  /**
   * - `own`: a call of this conversation waits for its outcome.
   * - `tab`: another tab, or other code of this page, has sent a message.
   * - `unknown`: a stream runs and nobody said which message it answers.
   */
  origin: "own" | "tab" | "unknown";
  /** The stream's snapshot before the turn began. It is not about this turn. */
  readonly before: Pick<StreamSnapshot, "taskId" | "message">;
  /** The id under which its message is sent. */
  messageId?: string | undefined;
  /** The question, if this turn sends one. */
  question?: { readonly key: string };
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
  isTaken?: boolean;
  /** Whether the history was asked what the turn answers or replaces, once its task runs. */
  isLookedUp?: boolean;
  /** Whether the last chunk of the answer has come. */
  isWhole?: boolean;
  /** Whether the list waits for a history before it shows the answer. */
  isHidden?: boolean;
  /** Whether the history may have a part of the answer, which the stream repeats. */
  repeatsHistory?: boolean;
  /** Whether the person has stopped the turn, or let go of it, before its request was made. */
  isCancelled?: boolean;
  /** The outcome of the stream, which may be that of another message's task. */
  completed?: StreamOutcome;
}

/** Returns whether a snapshot is about a task that has begun since another snapshot. */
export function hasBegun(before: Turn<UIMessage>["before"], { taskId, message }: StreamSnapshot): boolean {
  return (taskId !== undefined && taskId !== before.taskId) || (message !== null && message !== before.message);
}

/** Returns whether the backend has the message that a turn has sent. */
export function wasTaken({ isTaken }: Turn<UIMessage>, outcome: StreamOutcome): boolean {
  const { kind, taskId } = outcome;
  if (isRefusedForNow(outcome)) return false;
  return isTaken || kind === "finished" || kind === "expired" || (taskId !== undefined && kind === "failed");
}

/**
 * Returns whether a call was refused because the session answers another message. A refusal with a status is the backend's, for a
 * task that this page has seen end, after the client has tried again.
 */
export function isRefusedForNow({ joined, error }: StreamOutcome): boolean {
  return joined || (error?.code === "TASK_RUNNING" && error.status === undefined);
}
