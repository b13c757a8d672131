/**
 * The messages that the backend has, and those of the running turn, in order. Histories are merged into it, so that a message is in
 * it once, whatever brought it.
 */

import { keepList, keepMessage } from "./identity.js";
import type { Merge } from "../../types/merge-key.js";
import type { UIMessage } from "../../types/index.js";

/** A history that was loaded. */
export interface Loaded<MESSAGE> {
  messages: readonly MESSAGE[];
  /** The session's `active_stream`, or undefined if the app does not say. */
  activeStream: object | null | undefined;
  /** Whether the backend gives its messages ids, so that equal texts prove nothing. */
  hasIds: boolean;
}

/** What happens to the list while a history is on its way. */
export interface Watch {
  /** The keys of the messages that turns have touched: the history may not have them yet. */
  readonly touched: Set<string>;
  /** The keys of the messages that were replaced: the history may have them still. */
  readonly removed: Set<string>;
}

/** A part of the list that was cut off, to be put back if the backend refuses what should replace it. */
export interface Cut<MESSAGE> {
  readonly kept: number;
  readonly messages: readonly MESSAGE[];
}

export class MessageList<MESSAGE extends UIMessage> {
  #messages: readonly MESSAGE[];
  /** The keys of messages that the backend names otherwise, by the backend's id. */
  readonly #keys = new Map<string, string>();
  /** What the running turn touches and replaces. A load begins with this. */
  readonly #turn: Watch = { touched: new Set(), removed: new Set() };
  /** The loads that are under way, and the running turn. */
  readonly #watches = new Set([this.#turn]);

  constructor(messages: readonly MESSAGE[]) {
    this.#messages = messages;
  }

  get messages(): readonly MESSAGE[] {
    return this.#messages;
  }

  get last(): MESSAGE | undefined {
    return this.#messages.at(-1);
  }

  find(key: string): MESSAGE | undefined {
    return this.#messages.find(({ id }) => id === key);
  }

  /** Returns the key of a message that the backend names. */
  keyOf(id: string): string {
    return this.#keys.get(id) ?? id;
  }

  /** Returns the backend's name of a message. */
  nameOf(key: string): string {
    for (const [id, known] of this.#keys) if (known === key) return id;
    return key;
  }

  /** Remembers that the backend calls a message otherwise. */
  rename(key: string, id: string): void {
    if (key !== id && id !== "") this.#keys.set(id, key);
  }

  set(messages: readonly MESSAGE[]): void {
    this.#messages = keepList(this.#messages, messages);
  }

  /** Replaces the message with the same key, or adds it after all others or before the message `before`. */
  put(message: MESSAGE, before?: string): void {
    this.touch(message.id);
    const place = this.#messages.findIndex(({ id }) => id === message.id);
    if (place >= 0) return this.set(this.#messages.map((old, at) => (at === place ? message : old)));
    const next = before === undefined ? -1 : this.#messages.findIndex(({ id }) => id === before);
    const at = next < 0 ? this.#messages.length : next;
    this.set([...this.#messages.slice(0, at), message, ...this.#messages.slice(at)]);
  }

  remove(key: string): void {
    this.set(this.#messages.filter(({ id }) => id !== key));
  }

  /** Returns the place of the last question at or before a place, or -1 if there is none. */
  lastQuestion(place: number): number {
    while (place >= 0 && this.#messages[place]?.role !== "user") place--;
    return place;
  }

  /** Removes the answer to the last question, which a stream is about to repeat. */
  dropAnswer(): void {
    const question = this.lastQuestion(this.#messages.length - 1);
    this.set(this.#messages.filter(({ role }, place) => place <= question || role !== "assistant"));
  }

  /** Cuts off all messages from a place on. */
  cut(kept: number): Cut<MESSAGE> {
    const messages = this.#messages.slice(kept);
    for (const { removed } of this.#watches) for (const { id } of messages) removed.add(id);
    this.set(this.#messages.slice(0, kept));
    return { kept, messages };
  }

  /** Puts a part back in place of what came after it. */
  restore({ kept, messages }: Cut<MESSAGE>): void {
    for (const { removed } of this.#watches) for (const { id } of messages) removed.delete(id);
    this.set([...this.#messages.slice(0, kept), ...messages]);
  }

  /** Called when a turn has ended. A history that is asked for from now on knows what it has changed. */
  settle(): void {
    this.#turn.touched.clear();
    this.#turn.removed.clear();
  }

  /** Marks a message as touched by a turn: a history that is on its way may not have it yet. */
  touch(key: string): void {
    for (const { touched } of this.#watches) touched.add(key);
  }

  /** Called when a load begins. Returns what `absorb` takes. */
  watch(): Watch {
    const { touched, removed } = this.#turn;
    const watch = { touched: new Set(touched), removed: new Set(removed) };
    this.#watches.add(watch);
    return watch;
  }

  unwatch(watch: Watch): void {
    this.#watches.delete(watch);
  }

  /**
   * Merges a history. Local messages that it lacks are kept if turns have touched them since the load began.
   *
   * @param isTaken whether the backend is known to have a message
   */
  absorb(loaded: Loaded<MESSAGE>, { touched, removed }: Watch, merge: Merge, isTaken: (key: string) => boolean): void {
    const server = loaded.messages.map((message) => this.#named(message)).filter(({ id }) => !removed.has(id));
    const local = this.#messages;
    const merged = merge(server, local, loaded.activeStream ? { activeStream: loaded.activeStream } : {}) as MESSAGE[];
    const known = new Set(server.map(({ id }) => id));
    const fromServer = new Set<MESSAGE>(server);
    const isLocal = new Set(merged.filter((message) => !fromServer.has(message)));
    // Where messages have ids, an equal text is proof only of a question that the backend has: it may have given it another id.
    const isProven = (message: MESSAGE): boolean => !loaded.hasIds || (message.role === "user" && isTaken(message.id));
    const isMissing = (message: MESSAGE): boolean => isLocal.has(message) || (!known.has(message.id) && !isProven(message));
    const missing = local.filter((message) => touched.has(message.id) && isMissing(message));
    const shown = merged.filter((message) => fromServer.has(message));
    const kept = [...(loaded.hasIds ? shown : this.#pair(shown, known, isLocal)), ...missing];
    this.set(kept.map((message) => keepMessage(this.find(message.id), message)));
  }

  #named(message: MESSAGE): MESSAGE {
    const key = this.keyOf(message.id);
    return key === message.id ? message : { ...message, id: key };
  }

  /**
   * Gives messages of the history the keys under which they are shown already. The messages were matched by their content, so that
   * the newest one of a role belongs to the newest one of that role with an agreeing text.
   */
  #pair(server: readonly MESSAGE[], known: ReadonlySet<string>, unmatched: ReadonlySet<MESSAGE>): MESSAGE[] {
    const matched = this.#messages.filter((message) => !unmatched.has(message) && !known.has(message.id));
    const own = new Set(this.#messages.map(({ id }) => id));
    const paired = [...server];
    let at = paired.length - 1;
    for (const message of [...matched].reverse()) {
      let place = at;
      while (place >= 0 && !agrees(paired[place], message, own)) place--;
      const found = paired[place];
      if (!found) continue;
      this.rename(message.id, found.id);
      paired[place] = { ...found, id: message.id };
      at = place - 1;
    }
    return paired;
  }
}

function agrees(server: UIMessage | undefined, local: UIMessage, own: ReadonlySet<string>): boolean {
  if (!server || server.role !== local.role || own.has(server.id)) return false;
  const [one, other] = [textOf(server), textOf(local)];
  return one.startsWith(other) || other.startsWith(one);
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Merges by ids alone, where the client cannot merge because its WebAssembly is not there. */
export const mergeByIds: Merge = (server, local) => {
  const known = new Set(server.map(({ id }) => id));
  return [...server, ...local.filter(({ id }) => !known.has(id))];
};
