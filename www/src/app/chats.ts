// Keeps the list of a person's chats, and the first message of a new one.
import type { ChatStreams, ConversationInput } from "rejoin";
import { coded, type Coded } from "../ui/errors";
import { Store } from "../store";
import type { Api, SessionSummary } from "../api";

export interface ChatList {
  /** Null until the list has been loaded. */
  readonly sessions: readonly SessionSummary[] | null;
  readonly error: Coded | null;
}

export interface ChatsOptions {
  /** Whether the texts of answers are rendered, or shown as their source. */
  readonly view: "rendered" | "source";
  /** Whether a session is not one of the person's chats. */
  readonly isHidden?: (sessionId: string) => boolean;
}

export class Chats {
  readonly list = new Store<ChatList>({ sessions: null, error: null });
  /** The first messages of chats that this page has created, until their components send them. */
  readonly #first = new Map<string, ConversationInput>();

  constructor(
    readonly streams: ChatStreams,
    readonly api: Api,
    readonly options: ChatsOptions,
  ) {
    // The server takes a chat's title from its first message.
    streams.onTurn(() => void this.refresh());
  }

  async refresh(): Promise<void> {
    try {
      const { sessions } = await this.api.listSessions();
      this.list.set({ sessions: sessions.filter(({ id }) => !this.options.isHidden?.(id)), error: null });
    } catch (error) {
      this.list.update((list) => ({ ...list, error: coded(error) }));
    }
  }

  /** Creates the session of a new chat and resolves with its id. Rejects with an `ApiError`. */
  async create(first?: ConversationInput): Promise<string> {
    const { id } = await this.api.createSession();
    if (first) this.#first.set(id, first);
    return id;
  }

  /** Whether this page has just created the chat, so that it has no history to load. */
  isNew(id: string): boolean {
    return this.#first.has(id);
  }

  /** Takes the first message of a new chat, which is sent once. */
  takeFirst(id: string): ConversationInput | undefined {
    const first = this.#first.get(id);
    this.#first.delete(id);
    return first;
  }
}
