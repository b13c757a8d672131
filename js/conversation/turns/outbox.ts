/** The messages that the backend does not have: those that wait for their turn, and those that could not be sent. */

import { fileParts, requestOf } from "./input.js";
import type { MessageDelivery, StreamOutcome, StreamRequest, UIMessage } from "../../types/index.js";

/** A message on its way to the backend. */
export interface Entry<MESSAGE extends UIMessage> {
  /** The id of the message in the list. */
  readonly key: string;
  /** The place among all messages that were written here. It stays when the message is put back. */
  order: number;
  /** The id under which it is sent. It is another one after the backend has refused the first for good. */
  messageId: string;
  message: MESSAGE;
  delivery: MessageDelivery;
  /** The files that are not read yet. Their parts follow those of the message. */
  files: readonly File[];
  /** The fields of the request that the message does not show. */
  readonly extras: Pick<StreamRequest, "context" | "body">;
  /** The task because of which the backend has refused it for now. */
  refusedBy?: string | undefined;
  /** The key of the question that it replaces. */
  replaces?: string | undefined;
  /** The promise of the calls that wait for its turn. */
  outcome?: Promise<StreamOutcome> | undefined;
  /** Resolves that promise. */
  resolve?: (outcome: StreamOutcome) => void;
}

export type Outbox<MESSAGE extends UIMessage> = ReturnType<typeof createOutbox<MESSAGE>>;

export function createOutbox<MESSAGE extends UIMessage>() {
  let entries: Entry<MESSAGE>[] = [];
  let last = 0;
  const find = (key: string | undefined): Entry<MESSAGE> | undefined => entries.find((entry) => entry.key === key);
  return {
    find,

    get entries(): readonly Entry<MESSAGE>[] {
      return entries;
    },

    /** Adds a message after all others, or puts one back that was taken out: before those that were written after it. */
    add(entry: Entry<MESSAGE>, delivery: MessageDelivery): void {
      entry.order ||= ++last;
      entry.delivery = delivery;
      entries = [...entries, entry].sort((one, other) => one.order - other.order);
    },

    /** Removes a message and returns it. */
    take(key: string): Entry<MESSAGE> | undefined {
      const entry = find(key);
      entries = entries.filter((other) => other !== entry);
      return entry;
    },
  };
}

/** Resolves with the outcome of a message's turn. */
export function outcomeOf<MESSAGE extends UIMessage>(entry: Entry<MESSAGE>): Promise<StreamOutcome> {
  return (entry.outcome ??= new Promise((resolve) => {
    entry.resolve = (outcome) => {
      entry.outcome = undefined;
      resolve(outcome);
    };
  }));
}

/**
 * Reads the files of a message, which become parts of it.
 *
 * @throws {RejoinError} `FILE_UNREADABLE`
 */
export async function readFiles<MESSAGE extends UIMessage>(entry: Entry<MESSAGE>): Promise<void> {
  const parts = await fileParts(entry.files);
  entry.files = [];
  entry.message = { ...entry.message, parts: [...entry.message.parts, ...parts] };
}

/** Returns the request that sends a message. */
export function submission<MESSAGE extends UIMessage>({ message, messageId, extras, replaces }: Entry<MESSAGE>, nameOf: (key: string) => string): StreamRequest {
  return { ...requestOf(message), messageId, ...extras, ...(replaces !== undefined && { trigger: "edit", replaces: nameOf(replaces) }) };
}
