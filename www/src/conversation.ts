// One chat as this page knows it: what the server has stored, what was sent from here, and what went wrong.
// The answer that is being streamed is not here: it is in the snapshot of `rejoin`, and comes in when its stream has ended.
import type { StreamOutcome, UIMessage } from "rejoin";
import type { StoredMessage } from "./api";
import type { Coded } from "./errors";

/** A message as it was sent, under the id that the server will store it by. */
export interface SentMessage {
  readonly id: string;
  readonly role: "user";
  readonly content: string;
}

export type KnownMessage = StoredMessage | SentMessage | UIMessage;

export type Phase =
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "unavailable"; readonly error: Coded };

/** What "Try again" does about a failure. */
export type Remedy =
  /** The message did not arrive, or it is not known whether it did: the same message under the same id. */
  | { readonly kind: "resend"; readonly message: SentMessage }
  /** The answer goes on at the server: join it again. */
  | { readonly kind: "rejoin" }
  /** The answer ended badly: ask once more. */
  | { readonly kind: "ask-again"; readonly text: string }
  | { readonly kind: "none" };

export interface Failure {
  readonly error: Coded;
  readonly remedy: Remedy;
}

export interface Conversation {
  readonly phase: Phase;
  readonly stored: readonly StoredMessage[];
  readonly activeStream: unknown;
  /** Messages sent from here and answers seen here, until the server's list has them too. */
  readonly local: readonly KnownMessage[];
  readonly failure: Failure | null;
}

export const NEW_CONVERSATION: Conversation = {
  phase: { kind: "loading" },
  stored: [],
  activeStream: null,
  local: [],
  failure: null,
};

/** Adds a message of this page, or replaces the one of the same id. */
export function withLocal(conversation: Conversation, message: KnownMessage): Conversation {
  const others = conversation.local.filter(({ id }) => id !== message.id);
  return { ...conversation, local: [...others, message] };
}

/** What a stream's outcome means to the reader, or null where all is well. `sent` is the message that began it, if any. */
export function failureOf(outcome: StreamOutcome, sent: SentMessage | null, lastQuestion: string | null): Failure | null {
  if (outcome.joined && sent) return { error: UNSENT, remedy: { kind: "resend", message: sent } };
  if (outcome.kind !== "failed" && outcome.kind !== "expired") return null;
  return { error: outcome.error ?? EXPIRED, remedy: remedyFor(outcome, sent, lastQuestion) };
}

const UNSENT: Coded = { code: "TASK_RUNNING", message: "Another answer was being written" };
const EXPIRED: Coded = { code: "TASK_EXPIRED", message: "The answer is gone" };

function remedyFor(outcome: StreamOutcome, sent: SentMessage | null, lastQuestion: string | null): Remedy {
  if (!outcome.taskId && sent) return { kind: "resend", message: sent };
  if (outcome.kind === "failed" && outcome.error?.retryable) return { kind: "rejoin" };
  const text = sent?.content ?? lastQuestion;
  return text === null ? { kind: "none" } : { kind: "ask-again", text };
}
