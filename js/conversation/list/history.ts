/** Loads the history of a session and merges it into the list. */

import { mergeByIds } from "./list.js";
import { toUIMessages } from "./stored.js";
import { record } from "../../message/fields.js";
import { RejoinError } from "../../types/errors.js";
import { MERGE } from "../../types/merge-key.js";
import type { Loaded } from "./list.js";
import type { State } from "../state.js";
import type { Merge } from "../../types/merge-key.js";
import type { ChatStreams, ConversationOptions, UIMessage } from "../../types/index.js";

export type History<MESSAGE extends UIMessage> = ReturnType<typeof createHistory<MESSAGE>>;

export function createHistory<MESSAGE extends UIMessage>(
  streams: ChatStreams & { [MERGE]?: Merge },
  state: State<MESSAGE>,
  { initialMessages, load: loadOwn, toUIMessages: convert = toUIMessages<MESSAGE> }: ConversationOptions<MESSAGE>,
) {
  const { sessionId, list } = state;
  const aborter = new AbortController();
  const { signal } = aborter;
  /** The first load, which later calls share while it is under way. */
  let first: Promise<Loaded<MESSAGE>> | undefined;
  let lastStarted = 0;
  let lastMerged = 0;

  const request = async (): Promise<Loaded<MESSAGE>> => {
    try {
      const given = await (loadOwn ? loadOwn(sessionId, signal) : streams.loadSession(sessionId, { signal }));
      const { messages, activeStream } = "messages" in given ? given : { messages: given, activeStream: undefined };
      return { messages: convert(messages), activeStream, hasIds: messages.every(hasId) };
    } catch (error) {
      throw error instanceof RejoinError ? error : new RejoinError("LOAD_FAILED", "The history could not be loaded.", { cause: error, retryable: true });
    }
  };

  const loadNow = async (): Promise<Loaded<MESSAGE>> => {
    const number = ++lastStarted;
    const watch = list.watch();
    try {
      const loaded = await request();
      // A history that was asked for earlier is older than the one that is shown.
      if (number < lastMerged || signal.aborted) return loaded;
      lastMerged = number;
      // Without the WebAssembly, ids alone have to do.
      state.absorb(loaded, watch, await streams.ready.then(() => streams[MERGE] ?? mergeByIds, () => mergeByIds));
      return loaded;
    } finally {
      list.unwatch(watch);
    }
  };

  const loadFirst = async (): Promise<Loaded<MESSAGE>> => {
    try {
      return await loadNow();
    } catch (error) {
      state.fail(error as RejoinError, { kind: "load" });
      throw error;
    } finally {
      state.isLoading = false;
      state.changed();
    }
  };

  /**
   * Loads the history and merges it. A first load that is under way is shared.
   *
   * @throws {RejoinError} if it cannot be loaded; the list stays
   */
  const load = (): Promise<Loaded<MESSAGE>> => (state.isLoading && first ? first : loadNow());

  return {
    load,
    /** Aborted once the conversation is disposed of. */
    signal,
    dispose: (): void => aborter.abort(),

    /** Loads the history, and resolves also if that fails, with undefined. */
    tryLoad: (): Promise<Loaded<MESSAGE> | undefined> => load().catch(() => undefined),

    /** Resolves when the list has the history that there was at the beginning, also if that could not be loaded. */
    async begin(): Promise<void> {
      if (!initialMessages) await (first ??= loadFirst()).catch(() => {});
    },
  };
}

/** Returns whether a stored message has an id that the client compares, too. It reads strings only (PROTOCOL §7). */
function hasId(message: unknown): boolean {
  const { id } = record(message);
  return typeof id === "string" && id !== "";
}
