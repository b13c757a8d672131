/** `createConversation`: the app's calls on one side, the client's streams on the other. */

import { draftOf } from "./turns/input.js";
import { Events } from "./events.js";
import { History } from "./list/history.js";
import { entryOf } from "./turns/outbox.js";
import { Sends, busy } from "./turns/sends.js";
import { State } from "./state.js";
import { Turns } from "./turns/turns.js";
import { toRejoinError } from "./errors.js";
import { randomId } from "../streams/random-id.js";
import { RejoinError } from "../types/errors.js";
import type { Draft } from "./turns/input.js";
import type { Entry } from "./turns/outbox.js";
import type {
  ChatStreams, Conversation, ConversationEvents, ConversationInput, ConversationOptions, ConversationSnapshot, ConversationToolOutput,
  StreamOutcome, ToolApprovalResponse, UIMessage,
} from "../types/index.js";

/** Creates the conversation of a session. It does nothing until it is subscribed to or called. */
export function createConversation<MESSAGE extends UIMessage = UIMessage>(
  streams: ChatStreams,
  sessionId: string,
  options: ConversationOptions<MESSAGE> = {},
): Conversation<MESSAGE> {
  return new Chat(streams, sessionId, options);
}

class Chat<MESSAGE extends UIMessage> implements Conversation<MESSAGE> {
  readonly sessionId: string;
  readonly #streams: ChatStreams;
  readonly #createId: () => string;
  readonly #state: State<MESSAGE>;
  readonly #history: History<MESSAGE>;
  readonly #events = new Events();
  readonly #turns: Turns<MESSAGE>;
  readonly #sends: Sends<MESSAGE>;
  readonly #serverSnapshot: ConversationSnapshot<MESSAGE>;
  /** Ends the subscriptions to the client. */
  #detach: (() => void) | undefined;
  #isDisposed = false;
  #joining: Promise<StreamOutcome | null> | undefined;

  constructor(streams: ChatStreams, sessionId: string, options: ConversationOptions<MESSAGE>) {
    const { initialMessages, generateId = randomId, whileRunning = "queue" } = options;
    this.sessionId = sessionId;
    this.#streams = streams;
    this.#createId = generateId;
    this.#state = new State<MESSAGE>(sessionId, initialMessages, () => streams.getSnapshot(sessionId));
    this.#history = new History(streams, options, this.#state);
    this.#turns = new Turns(streams, this.#state, this.#history, this.#events, generateId, () => this.#sends.advance());
    this.#sends = new Sends(streams, this.#state, this.#history, this.#turns, generateId, whileRunning === "queue");
    this.#serverSnapshot = { messages: initialMessages ?? [], delivery: {}, status: "ready", isRunning: false, attempt: 0, role: "owner" };
  }

  // ---- what it shows ----

  readonly getSnapshot = (): ConversationSnapshot<MESSAGE> => this.#state.snapshot;

  readonly getServerSnapshot = (): ConversationSnapshot<MESSAGE> => this.#serverSnapshot;

  readonly subscribe = (callback: () => void): (() => void) => {
    const end = this.#state.subscribe(callback);
    this.#begin();
    return end;
  };

  readonly on = <EVENT extends keyof ConversationEvents>(event: EVENT, callback: ConversationEvents[EVENT]): (() => void) => {
    this.#begin();
    return this.#events.on(event, callback);
  };

  // ---- turns ----

  readonly send = async (input: string | ConversationInput<MESSAGE>, { signal }: { signal?: AbortSignal } = {}): Promise<StreamOutcome> => {
    const entry = entryOf<MESSAGE>(this.#createId(), draftOf(input));
    this.#checkOpen();
    void this.#begin();
    return this.#sends.send(entry, signal);
  };

  readonly regenerate = (messageId?: string): Promise<StreamOutcome> => this.#inOrder(() => this.#regenerate(messageId));

  async #regenerate(messageId?: string): Promise<StreamOutcome> {
    const { list, outbox } = this.#state;
    if (messageId !== undefined && outbox.find(messageId)) return this.#retry(messageId);
    const target = messageId === undefined ? list.last : list.find(messageId);
    return target ? this.#sends.regenerate(target) : { kind: "failed", error: notFound() };
  }

  readonly edit = async (messageId: string, input: string | ConversationInput<MESSAGE>): Promise<StreamOutcome> => {
    const draft = draftOf(input);
    return this.#inOrder(() => this.#edit(messageId, draft));
  };

  async #edit(messageId: string, draft: Draft): Promise<StreamOutcome> {
    const { list, outbox } = this.#state;
    const waiting = outbox.take(messageId);
    if (waiting) {
      waiting.resolve?.({ kind: "superseded" });
      return this.#sends.send({ ...entryOf<MESSAGE>(this.#createId(), draft, waiting.replaces), order: waiting.order });
    }
    const isThere = list.find(messageId)?.role === "user";
    const entry = entryOf<MESSAGE>(this.#createId(), draft, isThere ? messageId : undefined);
    if (!isThere) return this.#sends.keepUnsent(entry, notFound());
    return this.#turns.isBusy ? this.#sends.keepUnsent(entry, busy()) : this.#sends.sendFirst(entry);
  }

  readonly addToolOutput = (output: ConversationToolOutput): Promise<void> =>
    this.#inOrder(async () => {
      this.#state.calls.addOutput(this.#state.list.messages, output);
      this.#state.changed();
      this.#sends.advance();
    });

  readonly respondToApproval = (response: ToolApprovalResponse): Promise<void> =>
    this.#inOrder(async () => {
      this.#state.calls.addApproval(this.#state.list.messages, response);
      this.#state.changed();
      if (!this.#state.failure) this.#turns.isPaused = false;
      this.#sends.advance();
    });

  readonly retry = (messageId?: string): Promise<StreamOutcome> => this.#inOrder(() => this.#retry(messageId));

  async #retry(messageId?: string): Promise<StreamOutcome> {
    const { failure, outbox } = this.#state;
    const key = messageId ?? (failure?.kind === "send" ? failure.key : undefined);
    const entry = key === undefined ? outbox.entries.find(({ delivery }) => delivery === "unsent" && !failure) : outbox.find(key);
    if (entry) return this.#resend(entry);
    if (messageId !== undefined) return this.#regenerate(messageId);
    switch (failure?.kind) {
      case "load":
        return this.refresh().then(() => ({ kind: "finished" }), (error: RejoinError) => ({ kind: "failed", error }));
      case "refused":
        return this.#again(failure.again);
      case "answer":
        return this.#regenerate();
      default:
        return this.#rejoin();
    }
  }

  #resend(entry: Entry<MESSAGE>): Promise<StreamOutcome> {
    this.#state.outbox.take(entry.key);
    return this.#sends.sendFirst(entry);
  }

  async #again(again: () => Promise<StreamOutcome>): Promise<StreamOutcome> {
    this.#sends.release();
    return again();
  }

  /** Joins an answer that was lost. Where the backend has neither a task nor an answer, the question is answered anew. */
  async #rejoin(): Promise<StreamOutcome> {
    this.#sends.release();
    const outcome = await this.resume();
    if (outcome) return outcome;
    if (this.#state.list.last?.role === "user") return this.#regenerate();
    this.#sends.advance();
    return { kind: "finished" };
  }

  readonly resume = async (): Promise<StreamOutcome | null> => {
    this.#checkOpen();
    this.#joining ??= this.#join().finally(() => void (this.#joining = undefined));
    return this.#joining;
  };

  async #join(): Promise<StreamOutcome | null> {
    void this.#begin();
    try {
      const { activeStream } = await this.#history.load();
      return await this.#joinActive(activeStream);
    } catch (error) {
      const failure = toRejoinError(error);
      // The client goes on trying to reach a task that it has saved.
      if (this.#streams.getActiveTask(this.sessionId)) return this.#turns.join({ repeatsHistory: true });
      this.#state.fail(failure, { kind: "load" });
      this.#events.emit("error", failure);
      return { kind: "failed", error: failure };
    }
  }

  /** A history without a running task is complete: a saved task of the session has nothing to add. */
  async #joinActive(activeStream: object | null | undefined): Promise<StreamOutcome | null> {
    if (activeStream === null && !this.#turns.isBusy) return null;
    const turn = { continues: this.#turns.continued(activeStream), repeatsHistory: activeStream === undefined };
    const { task_id: taskId } = (activeStream ?? {}) as { task_id?: unknown };
    const outcome = await this.#turns.join(turn, this.#history.isOwn && typeof taskId === "string" ? taskId : undefined);
    // The task has ended since the history was read, which lacks its answer.
    if (!outcome && activeStream) await this.#history.load();
    return outcome;
  }

  readonly stop = (): Promise<void> => (this.#sends.held > 0 ? this.#inOrder(() => this.#stop()) : this.#stop());

  async #stop(): Promise<void> {
    const { turn } = this.#state;
    this.#turns.isPaused = true;
    if (turn) turn.isCancelled = true;
    await this.#streams.stopStream(this.sessionId);
  }

  readonly refresh = async (): Promise<void> => {
    this.#checkOpen();
    void this.#begin();
    try {
      const { activeStream } = await this.#history.load();
      if (this.#state.failure?.kind === "load") this.#state.clearError();
      if (activeStream !== null && !this.#turns.isBusy) void this.#joinActive(activeStream);
    } catch (error) {
      const failure = toRejoinError(error);
      this.#state.fail(failure, { kind: "load" });
      throw failure;
    }
  };

  // ---- the list ----

  readonly setMessages = (update: readonly MESSAGE[] | ((messages: readonly MESSAGE[]) => readonly MESSAGE[])): void => {
    const { list, outbox, messages } = this.#state;
    const next = typeof update === "function" ? update(messages) : update;
    const kept = new Set(next.map(({ id }) => id));
    for (const { key } of outbox.entries) if (!kept.has(key)) this.#drop(key);
    list.set(next.filter(({ id }) => !outbox.find(id)));
    this.#state.changed();
  };

  readonly removeQueued = (messageId: string): void => {
    this.#drop(messageId);
    this.#state.changed();
  };

  #drop(key: string): void {
    this.#state.outbox.take(key)?.resolve?.({ kind: "superseded" });
  }

  readonly clearError = (): void => this.#state.clearError();

  // ---- its life ----

  /** Subscribes to the client and loads the history, once. Resolves when the history is there. */
  #begin(): Promise<void> {
    if (!this.#detach && !this.#isDisposed) this.#attach();
    return this.#history.begin();
  }

  /** Makes a call when the history is there, and at once if it is there already: calls keep their order. */
  async #inOrder<T>(call: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    void this.#begin();
    if (this.#history.hasBegun && this.#sends.held === 0) return call();
    const release = this.#sends.hold();
    try {
      await this.#begin();
      this.#checkOpen();
      return call();
    } finally {
      release();
    }
  }

  #checkOpen(): void {
    if (this.#isDisposed) throw new RejoinError("CLOSED", "This conversation is closed.");
  }

  #attach(): void {
    const isOurs = (session: string): boolean => session === this.sessionId;
    const ends = [
      this.#streams.onSnapshot(this.sessionId, () => this.#turns.handleStream()),
      this.#streams.onTurn((session, turn) => isOurs(session) && this.#turns.handleTurn(turn)),
      this.#streams.onStreamComplete((session, outcome) => {
        if (!isOurs(session)) return;
        this.#sends.handleComplete();
        this.#turns.handleComplete(outcome);
      }),
      this.#streams.subscribeToStream(this.sessionId, (chunk) => {
        this.#turns.handleChunk(chunk.type);
        this.#events.take(chunk);
      }),
    ];
    this.#detach = () => ends.forEach((end) => end());
    this.#turns.handleBegin();
  }

  readonly dispose = (): void => {
    this.#isDisposed = true;
    this.#detach?.();
    this.#history.dispose();
    this.#turns.dispose();
    for (const { key } of this.#state.outbox.entries) this.#drop(key);
  };
}

function notFound(): RejoinError {
  return new RejoinError("MESSAGE_NOT_FOUND", "There is no such question or answer.");
}
