/** The messages that the backend does not have: those that wait for their turn, and those that could not be sent. */

import { fileParts, requestOf } from "./input.js";
import type { Draft } from "./input.js";
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
  /** The files that are not read yet. */
  files: readonly File[];
  readonly extras: Draft["extras"];
  /** The task because of which the backend has refused it for now. */
  refusedBy?: string | undefined;
  /** The key of the question that it replaces. */
  replaces?: string | undefined;
  /** Resolves the promise of the app's call. */
  resolve?: ((outcome: StreamOutcome) => void) | undefined;
}

export class Outbox<MESSAGE extends UIMessage> {
  #entries: readonly Entry<MESSAGE>[] = [];
  #lastOrder = 0;

  get entries(): readonly Entry<MESSAGE>[] {
    return this.#entries;
  }

  get messages(): MESSAGE[] {
    return this.#entries.map(({ message }) => message);
  }

  /** The next message that goes out by itself. */
  get next(): Entry<MESSAGE> | undefined {
    return this.#entries.find(({ delivery }) => delivery === "queued");
  }

  find(key: string): Entry<MESSAGE> | undefined {
    return this.#entries.find((entry) => entry.key === key);
  }

  /** Adds a message after all others, or puts one back that was taken out: before those that were written after it. */
  add(entry: Entry<MESSAGE>): void {
    if (entry.order === 0) entry.order = ++this.#lastOrder;
    this.#entries = [...this.#entries, entry].sort((one, other) => one.order - other.order);
  }

  /** Removes a message and returns it. */
  take(key: string): Entry<MESSAGE> | undefined {
    const entry = this.find(key);
    this.#entries = this.#entries.filter((other) => other !== entry);
    return entry;
  }
}

/** Creates the entry of a draft. */
export function entryOf<MESSAGE extends UIMessage>(key: string, { parts, files, metadata, extras }: Draft, replaces?: string): Entry<MESSAGE> {
  const message = { id: key, role: "user", parts, ...(metadata !== undefined && { metadata }) } as unknown as MESSAGE;
  return { key, order: 0, messageId: key, message, delivery: "queued", files, extras, replaces };
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
export function submission<MESSAGE extends UIMessage>(entry: Entry<MESSAGE>, nameOf: (key: string) => string): StreamRequest {
  const { message, messageId, extras, replaces } = entry;
  const edit = replaces === undefined ? undefined : { trigger: "edit" as const, replaces: nameOf(replaces) };
  return { ...requestOf(message), messageId, ...extras, ...edit };
}
