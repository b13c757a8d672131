/** Loads the history of a session and merges it into the list. */

import { mergeByIds } from "./list.js";
import { toUIMessages } from "./stored.js";
import { RejoinError } from "../../types/errors.js";
import { MERGE } from "../../types/merge-key.js";
import type { Loaded } from "./list.js";
import type { State } from "../state.js";
import type { Merge } from "../../types/merge-key.js";
import type { ChatStreams, ConversationOptions, UIMessage } from "../../types/index.js";

export class History<MESSAGE extends UIMessage> {
  readonly #streams: ChatStreams;
  readonly #options: ConversationOptions<MESSAGE>;
  readonly #state: State<MESSAGE>;
  readonly #aborter = new AbortController();
  /** The first load, which later calls share while it is under way. */
  #first: Promise<Loaded<MESSAGE>> | undefined;
  #lastStarted = 0;
  #lastMerged = 0;

  constructor(streams: ChatStreams, options: ConversationOptions<MESSAGE>, state: State<MESSAGE>) {
    this.#streams = streams;
    this.#options = options;
    this.#state = state;
  }

  /** Whether the list has the history that there was at the beginning, or that could not be loaded. */
  get hasBegun(): boolean {
    return this.#options.initialMessages !== undefined || (this.#first !== undefined && !this.#state.isLoading);
  }

  /** Whether the app loads it, perhaps from elsewhere than the client's backend. */
  get isOwn(): boolean {
    return this.#options.load !== undefined;
  }

  /** Resolves when the list has the history that there was at the beginning, also if that could not be loaded. */
  async begin(): Promise<void> {
    if (this.#options.initialMessages) return;
    this.#first ??= this.#loadFirst();
    await this.#first.catch(() => {});
  }

  /**
   * Loads the history and merges it. A first load that is under way is shared.
   *
   * @throws {RejoinError} if it cannot be loaded; the list stays
   */
  load(): Promise<Loaded<MESSAGE>> {
    return this.#state.isLoading && this.#first ? this.#first : this.#load();
  }

  dispose(): void {
    this.#aborter.abort();
  }

  async #loadFirst(): Promise<Loaded<MESSAGE>> {
    try {
      return await this.#load();
    } catch (error) {
      this.#state.fail(error as RejoinError, { kind: "load" });
      throw error;
    } finally {
      this.#state.isLoading = false;
      this.#state.changed();
    }
  }

  async #load(): Promise<Loaded<MESSAGE>> {
    const number = ++this.#lastStarted;
    const watch = this.#state.list.watch();
    try {
      const loaded = await this.#fetch();
      // A history that was asked for earlier is older than the one that is shown.
      if (number < this.#lastMerged || this.#aborter.signal.aborted) return loaded;
      this.#lastMerged = number;
      this.#state.absorb(loaded, watch, await this.#merge());
      return loaded;
    } finally {
      this.#state.list.unwatch(watch);
    }
  }

  async #fetch(): Promise<Loaded<MESSAGE>> {
    const { sessionId } = this.#state;
    const { load, toUIMessages: convert = toUIMessages<MESSAGE> } = this.#options;
    const { signal } = this.#aborter;
    try {
      const given = await (load ? load(sessionId, signal) : this.#streams.loadSession(sessionId, { signal }));
      const { messages, activeStream } = "messages" in given ? given : { messages: given, activeStream: undefined };
      return { messages: convert(messages), activeStream, hasIds: messages.every(hasId) };
    } catch (error) {
      if (error instanceof RejoinError) throw error;
      throw new RejoinError("LOAD_FAILED", "The history could not be loaded.", { cause: error, retryable: true });
    }
  }

  /** Returns the client's `mergeMessages`, or one that goes by ids if the WebAssembly cannot be loaded. */
  async #merge(): Promise<Merge> {
    const merge = (this.#streams as { [MERGE]?: Merge })[MERGE];
    if (!merge) return mergeByIds;
    return this.#streams.ready.then(() => merge, () => mergeByIds);
  }
}

function hasId(message: unknown): boolean {
  const id = (message as { id?: unknown } | null)?.id;
  return typeof id === "string" && id !== "";
}
