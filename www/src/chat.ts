// The app without its looks: sessions and conversations over the backend's API and the streams of `rejoin`.
import { createChatStreams, createConversation, type ChatStreams, type Conversation, type ConversationInput } from "rejoin";
import { Api, type SessionDetail, type SessionSummary } from "./api";
import { coded, type Coded } from "./errors";
import { findControl, type Control } from "./lab/control";
import { Network } from "./lab/network";
import { Recorder } from "./lab/recorder";
import { Replay } from "./lab/replay";
import { watchStream } from "./lab/watch";
import type { PageOptions } from "./options";
import { Peer } from "./peer/peer";
import { keptStore, Store } from "./store";

export interface SessionList {
  readonly sessions: readonly SessionSummary[] | null;
  readonly error: Coded | null;
}

export class Chat {
  readonly sessions = new Store<SessionList>({ sessions: null, error: null });
  /** Whether each message is also asked through a plain reader. */
  readonly compare = keptStore("rejoin_demo_compare", false);
  readonly recorder: Recorder;
  readonly network: Network;
  readonly streams: ChatStreams;
  readonly peer: Peer;
  readonly replay: Replay;
  /** Who can restart the server; null where nobody can. */
  readonly control = new Store<Control | null>(null);
  readonly #api: Api;
  readonly #conversations = new Map<string, Conversation>();
  readonly #watched = new Set<string>();

  constructor(readonly options: PageOptions) {
    this.recorder = new Recorder((taskId) => this.streams.listActiveTasks().find((task) => task.taskId === taskId)?.sessionId);
    this.network = new Network(this.recorder);
    this.#api = new Api(options.baseUrl, this.network.for("rejoin"));
    this.streams = createChatStreams({ baseUrl: options.baseUrl, fetch: this.network.for("rejoin") });
    this.peer = new Peer(options.baseUrl, new Api(options.baseUrl, this.network.honest), this.network.for("peer"), this.recorder);
    this.replay = new Replay(this);
    // From then on the server has a title for the chat.
    this.streams.onTurn(() => void this.refreshSessions());
    void findControl(this.network.honest).then((control) => this.control.set(control));
  }

  /** What the server has, asked past the faults of the lab. */
  truth(id: string): Promise<SessionDetail> {
    return new Api(this.options.baseUrl, this.network.honest).session(id);
  }

  /** The conversation of a chat. A chat that this page has made has no history to load. */
  conversation(id: string, isNew = false): Conversation {
    const known = this.#conversations.get(id);
    if (known) return known;
    const made = createConversation(this.streams, id, isNew ? { initialMessages: [] } : {});
    this.#conversations.set(id, made);
    return made;
  }

  async refreshSessions(): Promise<void> {
    try {
      const { sessions } = await this.#api.listSessions();
      this.sessions.set({ sessions: sessions.filter(({ id }) => !this.peer.owns(id)), error: null });
    } catch (error) {
      this.sessions.update((list) => ({ ...list, error: coded(error) }));
    }
  }

  /** Makes a session for the first message; rejects with an `ApiError`. */
  async createSession(): Promise<string> {
    const { id } = await this.#api.createSession();
    this.conversation(id, true);
    return id;
  }

  async send(id: string, input: string | ConversationInput): Promise<void> {
    const text = typeof input === "string" ? input : (input.text ?? "");
    if (this.compare.get() && text !== "") void this.peer.ask(id, text);
    await this.record(id).send(input);
  }

  async stop(id: string): Promise<void> {
    this.peer.stop(id);
    await this.conversation(id).stop();
  }

  /** Gives the conversation of a chat, whose next stream the lab records. */
  record(id: string): Conversation {
    this.watch(id);
    this.recorder.begin("rejoin", id);
    return this.conversation(id);
  }

  /** Lets the lab record what a chat's stream gives. */
  watch(id: string): void {
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    watchStream(this.streams, this.recorder, id);
  }
}
