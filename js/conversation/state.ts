/** What a conversation knows, and the snapshot that shows it. */

import { Calls } from "./calls.js";
import { isEqual, keepList } from "./list/identity.js";
import { MessageList } from "./list/list.js";
import { Outbox } from "./turns/outbox.js";
import { guard } from "../types/report.js";
import type { Loaded, Watch } from "./list/list.js";
import type { Turn } from "./turns/turn.js";
import type { RejoinError } from "../types/errors.js";
import type { Merge } from "../types/merge-key.js";
import type { ConversationSnapshot, MessageDelivery, StreamOutcome, StreamSnapshot, StreamStatus, UIMessage } from "../types/index.js";

/** What has failed, so that `retry` knows what to do again. */
export type Failure =
  | { kind: "load" }
  | { kind: "send"; key: string }
  /** The turn was not begun, and nothing of it is shown: its call is made again. */
  | { kind: "refused"; again: () => Promise<StreamOutcome> }
  /** The task may still run. */
  | { kind: "lost" }
  /** The task has ended with an error. */
  | { kind: "answer" };

const ACTIVE: readonly StreamStatus[] = ["connecting", "streaming", "stalled", "reconnecting"];

export class State<MESSAGE extends UIMessage> {
  readonly sessionId: string;
  readonly list: MessageList<MESSAGE>;
  readonly outbox = new Outbox<MESSAGE>();
  readonly calls = new Calls();
  /** The turn that runs, as far as this page knows. */
  turn: Turn<MESSAGE> | undefined;
  /** Whether the first history is not there yet. */
  isLoading: boolean;
  failure: Failure | undefined;
  #error: RejoinError | undefined;
  readonly #stream: () => StreamSnapshot;
  readonly #subscribers = new Set<{ callback: () => void }>();
  #snapshot: ConversationSnapshot<MESSAGE> | undefined;

  constructor(sessionId: string, initial: readonly MESSAGE[] | undefined, stream: () => StreamSnapshot) {
    this.sessionId = sessionId;
    this.list = new MessageList(initial ?? []);
    this.isLoading = initial === undefined;
    this.#stream = stream;
  }

  get snapshot(): ConversationSnapshot<MESSAGE> {
    this.#snapshot ??= this.#build();
    return this.#snapshot;
  }

  /** All messages, as they are shown. */
  get messages(): readonly MESSAGE[] {
    return this.snapshot.messages;
  }

  get isStreaming(): boolean {
    return ACTIVE.includes(this.#stream().status);
  }

  subscribe(callback: () => void): () => void {
    const entry = { callback };
    this.#subscribers.add(entry);
    return () => void this.#subscribers.delete(entry);
  }

  /** Builds the snapshot anew, and calls the subscribers if it is another one. */
  changed(): void {
    const before = this.#snapshot;
    this.#snapshot = this.#build();
    if (before === this.#snapshot) return;
    for (const { callback } of [...this.#subscribers]) guard(callback);
  }

  fail(error: RejoinError, failure: Failure): void {
    this.#error = error;
    this.failure = failure;
    this.changed();
  }

  clearError(): void {
    this.#error = this.failure = undefined;
    this.changed();
  }

  /** Merges a history. Messages that the backend turns out to have are no longer to be sent. */
  absorb(loaded: Loaded<MESSAGE>, watch: Watch, merge: Merge): void {
    const { turn } = this;
    for (const { id } of loaded.messages) this.outbox.take(this.list.keyOf(id));
    this.list.absorb(loaded, watch, merge, (key) => turn?.question?.key !== key || turn.isTaken);
    const { answer } = turn ?? {};
    const base = answer?.base && this.list.find(answer.key);
    if (answer && base && turn?.source) {
      if (loaded.activeStream) answer.rebase(base);
      this.list.put(answer.show(turn.source));
    }
    this.changed();
  }

  #build(): ConversationSnapshot<MESSAGE> {
    const old = this.#snapshot;
    const messages = [...this.list.messages.map((message) => this.calls.apply(message)), ...this.outbox.messages];
    const delivery = this.#delivery();
    const { status, attempt, retryAt, role, usage } = this.#stream();
    const isRunning = ACTIVE.includes(status);
    const fresh: ConversationSnapshot<MESSAGE> = {
      messages: old ? keepList(old.messages, messages) : messages,
      delivery: old && isEqual(old.delivery, delivery) ? old.delivery : delivery,
      status: isRunning ? status : this.#restingStatus(),
      isRunning: isRunning || this.turn?.origin === "own",
      attempt,
      role,
      ...(this.#error && { error: this.#error }),
      ...(retryAt !== undefined && { retryAt }),
      ...(usage && { usage }),
    };
    return old && isSame(old, fresh) ? old : fresh;
  }

  /** A turn of this page whose stream has not begun, or whose end is being looked at, counts as connecting. */
  #restingStatus(): ConversationSnapshot["status"] {
    if (this.turn?.origin === "own") return "connecting";
    if (this.#error) return "error";
    return this.isLoading ? "loading" : "ready";
  }

  #delivery(): Record<string, MessageDelivery> {
    const delivery: Record<string, MessageDelivery> = {};
    for (const { key, delivery: state } of this.outbox.entries) delivery[key] = state;
    const { question, isTaken } = this.turn ?? {};
    if (question && !isTaken) delivery[question.key] = "sending";
    return delivery;
  }
}

function isSame(one: object, other: object): boolean {
  const names = Object.keys(one) as Array<keyof typeof one>;
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
