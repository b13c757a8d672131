// The app without its looks: sessions and conversations over the backend's API and the streams of `rejoin`.
import { createChatStreams, type ChatStreams, type StreamListener, type StreamOutcome } from "rejoin";
import { Api, type SessionDetail, type SessionSummary } from "./api";
import { failureOf, NEW_CONVERSATION, withLocal, type Conversation, type Remedy, type SentMessage } from "./conversation";
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
  /** Whether the WebAssembly is there, which merging needs. */
  readonly ready = new Store(false);
  /** Who can restart the server; null where nobody can. */
  readonly control = new Store<Control | null>(null);
  readonly #api: Api;
  readonly #conversations = new Map<string, Store<Conversation>>();
  /** Sessions whose stream this page already waits for. */
  readonly #followed = new Set<string>();
  readonly #watched = new Set<string>();

  constructor(readonly options: PageOptions) {
    this.recorder = new Recorder((taskId) => this.streams.listActiveTasks().find((task) => task.taskId === taskId)?.sessionId);
    this.network = new Network(this.recorder);
    this.#api = new Api(options.baseUrl, this.network.for("rejoin"));
    this.streams = createChatStreams({ baseUrl: options.baseUrl, fetch: this.network.for("rejoin") });
    this.peer = new Peer(options.baseUrl, new Api(options.baseUrl, this.network.honest), this.network.for("peer"), this.recorder);
    this.replay = new Replay(this);
    this.streams.ready.then(
      () => this.ready.set(true),
      () => {}, // Whoever asks for a stream is told.
    );
    void findControl(this.network.honest).then((control) => this.control.set(control));
  }

  /** What the server has, asked past the faults of the lab. */
  truth(id: string): Promise<SessionDetail> {
    return new Api(this.options.baseUrl, this.network.honest).session(id);
  }

  conversation(id: string): Store<Conversation> {
    const known = this.#conversations.get(id);
    if (known) return known;
    const made = new Store(NEW_CONVERSATION);
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

  /** Shows a chat: its history, and its answer where one is being written. */
  async open(id: string): Promise<void> {
    this.#watch(id);
    await Promise.all([this.#load(id), this.#resume(id)]);
  }

  /** Makes a session for the first message; rejects with an `ApiError`. */
  async createSession(): Promise<string> {
    const { id } = await this.#api.createSession();
    this.conversation(id).update((conversation) => ({ ...conversation, phase: { kind: "ready" } }));
    return id;
  }

  async send(id: string, text: string): Promise<void> {
    if (this.compare.get()) void this.peer.ask(id, text);
    await this.#stream(id, { id: crypto.randomUUID(), role: "user", content: text });
  }

  async stop(id: string): Promise<void> {
    this.peer.stop(id);
    await this.streams.stopStream(id);
  }

  async tryAgain(id: string, remedy: Remedy): Promise<void> {
    this.conversation(id).update((conversation) => ({ ...conversation, failure: null }));
    if (remedy.kind === "resend") await this.#stream(id, remedy.message);
    if (remedy.kind === "ask-again") await this.send(id, remedy.text);
    if (remedy.kind === "rejoin") await this.#resume(id);
  }

  async #stream(id: string, message: SentMessage): Promise<void> {
    this.#watch(id);
    this.recorder.begin("rejoin", id);
    const conversation = this.conversation(id);
    conversation.update((known) => ({ ...withLocal(known, message), failure: null, activeStream: null }));
    const request = { message: message.content, messageId: message.id };
    await this.#follow(id, message, () => this.streams.startStream(id, request, this.#onceStreaming(() => this.refreshSessions())));
  }

  #watch(id: string): void {
    if (this.#watched.has(id)) return;
    this.#watched.add(id);
    watchStream(this.streams, this.recorder, id);
  }

  /** A listener for the moment from which on the server has the message, and so a title for the chat. */
  #onceStreaming(act: () => Promise<void>): StreamListener {
    let done = false;
    return {
      onStatus(status) {
        if (status !== "streaming" || done) return;
        done = true;
        void act();
      },
    };
  }

  async #resume(id: string): Promise<void> {
    if (this.#followed.has(id)) return;
    await this.#follow(id, null, () => this.streams.resumeSession(id));
  }

  /** Waits for the outcome of a stream that this page has asked for. */
  async #follow(id: string, sent: SentMessage | null, ask: () => Promise<StreamOutcome | null>): Promise<void> {
    this.#followed.add(id);
    const outcome = await ask().finally(() => this.#followed.delete(id));
    if (outcome) await this.#settle(id, outcome, sent);
  }

  /** Keeps what the ended stream gave, and asks the server for what it stored. */
  async #settle(id: string, outcome: StreamOutcome, sent: SentMessage | null): Promise<void> {
    if (outcome.kind === "superseded") return;
    const { message } = this.streams.getSnapshot(id);
    this.conversation(id).update((known) => ({
      ...(message ? withLocal(known, message) : known),
      activeStream: null,
      failure: failureOf(outcome, sent, lastQuestion(known)),
    }));
    await Promise.all([this.#load(id), this.refreshSessions()]);
  }

  async #load(id: string): Promise<void> {
    const conversation = this.conversation(id);
    try {
      await this.streams.ready;
      const { messages, active_stream } = await this.#api.session(id);
      conversation.update((known) => ({ ...known, stored: messages, activeStream: active_stream, phase: { kind: "ready" } }));
    } catch (error) {
      conversation.update((known) => ({ ...known, phase: afterFailedLoad(known, coded(error)) }));
    }
  }
}

/** A history that is on the page stays there; only a first load that fails is shown. */
function afterFailedLoad(known: Conversation, error: Coded): Conversation["phase"] {
  return known.phase.kind === "ready" ? known.phase : { kind: "unavailable", error };
}

function lastQuestion(conversation: Conversation): string | null {
  const asked = [...conversation.stored, ...conversation.local].filter(({ role }) => role === "user");
  const last = asked.at(-1);
  return last && "content" in last ? last.content : null;
}
