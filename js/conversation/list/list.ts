/**
 * The messages that the backend has, and those of the running turn, in order. Histories are merged into it, so that a message is in
 * it once, whatever brought it.
 */

import { plainText } from "../../message/fields.js";
import type { Merge } from "../../types/merge-key.js";
import type { UIMessage } from "../../types/index.js";
import { keepList } from "./identity.js";

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

export type MessageList<MESSAGE extends UIMessage> = ReturnType<typeof createList<MESSAGE>>;

export function createList<MESSAGE extends UIMessage>(messages: readonly MESSAGE[]) {
  /** The keys of messages that the backend names otherwise, by the backend's id. */
  const keys = new Map<string, string>();
  /** What the running turn touches and replaces. A load begins with this. */
  const turn: Watch = { touched: new Set(), removed: new Set() };
  /** The loads that are under way, and the running turn. */
  const watches = new Set([turn]);

  const placeOf = (key: string | undefined): number => messages.findIndex(({ id }) => id === key);

  /** Returns the key of a message that the backend names. */
  const keyOf = (id: string): string => keys.get(id) ?? id;

  /** Remembers that the backend calls a message otherwise. */
  const rename = (key: string, id: string): void => {
    if (key !== id && id !== "") keys.set(id, key);
  };

  /** Returns the place of the last question at or before a place, or -1 if there is none. */
  const lastQuestion = (place: number): number => {
    while (place >= 0 && messages[place]?.role !== "user") place--;
    return place;
  };

  /**
   * Gives messages of the history the keys under which they are shown already. The messages were matched by their content, so that
   * the newest one of a role belongs to the newest one of that role with an agreeing text.
   */
  const pair = (server: readonly MESSAGE[], matched: readonly MESSAGE[]): MESSAGE[] => {
    const paired = [...server];
    let at = paired.length;
    for (const message of [...matched].reverse()) {
      let place = at - 1;
      while (place >= 0 && (placeOf(paired[place]?.id) >= 0 || !agrees(paired[place], message))) place--;
      const found = paired[place];
      if (!found) continue;
      rename(message.id, found.id);
      paired[place] = { ...found, id: message.id };
      at = place;
    }
    return paired;
  };

  return {
    placeOf,
    keyOf,
    rename,
    lastQuestion,

    get messages(): readonly MESSAGE[] {
      return messages;
    },

    get last(): MESSAGE | undefined {
      return messages.at(-1);
    },

    find: (key: string | undefined): MESSAGE | undefined => messages[placeOf(key)],

    /** Returns the backend's name of a message. */
    nameOf: (key: string): string => [...keys].find(([, known]) => known === key)?.[0] ?? key,

    set(next: readonly MESSAGE[]): void {
      messages = next;
    },

    /** Replaces the message with the same key, or adds it after all others or before the message `before`. */
    put(message: MESSAGE, before?: string): void {
      for (const { touched } of watches) touched.add(message.id);
      const next = [...messages];
      const place = placeOf(message.id);
      const at = place < 0 ? placeOf(before) : place;
      next.splice(at < 0 ? next.length : at, place < 0 ? 0 : 1, message);
      messages = next;
    },

    /** Cuts off all messages from a place on. Returns the whole list, to be put back if the backend refuses what should replace them. */
    cut(kept: number): readonly MESSAGE[] {
      const before = messages;
      for (const { removed } of watches) for (const { id } of before.slice(kept)) removed.add(id);
      messages = before.slice(0, kept);
      return before;
    },

    /** Puts back the list that there was before a cut, with what has become of its messages since. */
    restore(before: readonly MESSAGE[]): void {
      for (const { removed } of watches) for (const { id } of before) removed.delete(id);
      messages = before.map((message) => messages[placeOf(message.id)] ?? message);
    },

    /** Called when the backend has what a turn has changed. A history that is asked for from now on shows it. */
    settle(): void {
      turn.touched.clear();
      turn.removed.clear();
    },

    /** Called when a load begins. Returns what `absorb` takes. */
    watch(): Watch {
      const watch = { touched: new Set(turn.touched), removed: new Set(turn.removed) };
      watches.add(watch);
      return watch;
    },

    unwatch: (watch: Watch): boolean => watches.delete(watch),

    /**
     * Merges a history. Local messages that it lacks are kept if turns have touched them since the load began.
     *
     * @param isTaken whether the backend is known to have a message
     */
    absorb({ messages: loaded, activeStream, hasIds }: Loaded<MESSAGE>, { touched, removed }: Watch, merge: Merge, isTaken: (key: string) => boolean): void {
      const named = loaded.map((message) => ({ ...message, id: keyOf(message.id) }));
      // What comes after a message that is being replaced goes with it.
      const gone = named.findIndex(({ id }) => removed.has(id));
      const server = gone < 0 ? named : named.slice(0, gone);
      const merged = new Set(merge(server, messages, { activeStream }) as MESSAGE[]);
      const known = new Set(server.map(({ id }) => id));
      const shown = [...merged].filter(({ id }) => known.has(id));
      // The history lacks what is only here. What it has under another id was matched by its content. Where messages have ids, an
      // equal text is proof only of a question that the backend has: it may have given it another id.
      const isMatched = (message: MESSAGE): boolean => !merged.has(message) && !known.has(message.id);
      const isMissing = (message: MESSAGE): boolean => merged.has(message) || (hasIds && !(message.role === "user" && isTaken(message.id)));
      const missing = messages.filter((message) => touched.has(message.id) && !known.has(message.id) && isMissing(message));
      messages = keepList(messages, [...(hasIds ? shown : pair(shown, messages.filter(isMatched))), ...missing]);
    },
  };
}

function agrees(server: UIMessage | undefined, local: UIMessage): boolean {
  if (server?.role !== local.role) return false;
  const [one = "", other = ""] = [plainText(server.parts), plainText(local.parts)];
  return one.startsWith(other) || other.startsWith(one);
}

/** Merges by ids alone, where the client cannot merge because its WebAssembly is not there. */
export const mergeByIds: Merge = (server, local) => [...server, ...local.filter(({ id }) => !server.some((message) => message.id === id))];
