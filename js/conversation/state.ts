/** What a conversation knows, and the snapshot that shows it. */

import { createCalls } from "./calls.js";
import { isSame, keep, keepList } from "./list/identity.js";
import { createList } from "./list/list.js";
import { shownAnswer } from "./turns/answer.js";
import { createOutbox } from "./turns/outbox.js";
import { Callbacks } from "../streams/callbacks.js";
import { defined } from "../streams/defined.js";
import type { Loaded, Watch } from "./list/list.js";
import type { Entry } from "./turns/outbox.js";
import type { Turn } from "./turns/turn.js";
import type { RejoinError } from "../types/errors.js";
import type { Merge } from "../types/merge-key.js";
import type { ChatStreams, ConversationSnapshot, MessageDelivery, StreamOutcome, UIMessage } from "../types/index.js";

/** What has failed, so that `retry` knows what to do again. */
export interface Failure {
  /** `load` is the load of a history. `answer` is a task that has ended with an error, and `lost` one that may still run. */
  readonly kind?: "load" | "answer" | "lost";
  /** The key of the message that could not be sent. */
  readonly key?: string;
  /** Makes the call again whose turn was not begun. Nothing of the turn is shown. */
  readonly again?: () => Promise<StreamOutcome>;
}

export type State<MESSAGE extends UIMessage> = ReturnType<typeof createState<MESSAGE>>;

export function createState<MESSAGE extends UIMessage>(streams: ChatStreams, sessionId: string, initial: readonly MESSAGE[] | undefined) {
  const list = createList(initial ?? []);
  const outbox = createOutbox<MESSAGE>();
  const calls = createCalls();
  const subscribers = new Callbacks<[]>();
  /** Messages that the backend turned out to have while calls wait for their outcome. */
  const arrived: Entry<MESSAGE>[] = [];
  let error: RejoinError | undefined;
  let shown: ConversationSnapshot<MESSAGE> | undefined;

  const deliveries = (): Record<string, MessageDelivery> => {
    const delivery = Object.fromEntries(outbox.entries.map(({ key, delivery }) => [key, delivery]));
    const { question, isTaken } = state.turn ?? {};
    if (question && !isTaken) delivery[question.key] = "sending";
    return delivery;
  };

  /** A turn of this page whose stream has not begun, or whose end is being looked at, counts as connecting. */
  const build = (): ConversationSnapshot<MESSAGE> => {
    const { status, attempt, retryAt, role, usage } = streams.getSnapshot(sessionId);
    const isStreaming = streams.isStreaming(sessionId);
    const messages = [...list.messages, ...outbox.entries.map(({ message }) => message)].map(calls.apply);
    const fresh = defined({
      messages: keepList(shown?.messages ?? [], messages),
      delivery: keep(shown?.delivery ?? {}, deliveries()),
      status: isStreaming ? status : state.isOwn ? ("connecting" as const) : error ? ("error" as const) : state.isLoading ? ("loading" as const) : ("ready" as const),
      isRunning: isStreaming || state.isOwn,
      attempt,
      role,
      error,
      retryAt,
      usage,
    });
    return shown && isSame(shown, fresh) ? shown : fresh;
  };

  const state = {
    sessionId,
    list,
    outbox,
    calls,
    /** The turn that runs, as far as this page knows. */
    turn: undefined as Turn<MESSAGE> | undefined,
    failure: undefined as Failure | undefined,
    /** Whether the first history is not there yet. */
    isLoading: !initial,
    /** Whether what waits has to wait for the person's next call, because a turn was stopped or has failed. */
    isPaused: false,
    /** Whether the next message waits for the end of a stream that the client knows and this conversation does not. */
    awaitsEnd: false,
    /** The number of calls that wait for the history. What is sent after them waits for them. */
    held: 0,

    /** Whether a call of this conversation runs a turn. */
    get isOwn(): boolean {
      return state.turn?.origin === "own";
    },

    /** Whether the backend is working on this session, as far as this page knows. */
    get isBusy(): boolean {
      return state.isOwn || streams.isStreaming(sessionId);
    },

    get snapshot(): ConversationSnapshot<MESSAGE> {
      return (shown ??= build());
    },

    subscribe: (callback: () => void): (() => void) => subscribers.add(callback),

    /** Builds the snapshot anew, and calls the subscribers if it is another one. */
    changed(): void {
      const before = shown;
      shown = build();
      if (before !== shown) subscribers.call();
    },

    fail(failed: RejoinError, failure: Failure): void {
      error = failed;
      state.failure = failure;
      state.changed();
    },

    clearError(): void {
      error = state.failure = undefined;
      state.changed();
    },

    /** Shows what a turn has given of its answer, after all messages or before the message `before`. */
    showAnswer({ answer, source }: Turn<MESSAGE>, before?: string): void {
      if (answer && source) list.put(shownAnswer(answer, source), before);
    },

    /** Called when the backend turns out to have a message. Its call waits for the end of the turn that answers it. */
    arrive(key: string): void {
      const entry = outbox.take(key);
      if (entry) arrived.push(entry);
    },

    /** Gives the calls of messages that have arrived their outcome. */
    settle(outcome: StreamOutcome): void {
      for (const { resolve } of arrived.splice(0)) resolve?.(outcome);
    },

    /** Merges a history. Messages that the backend turns out to have are no longer to be sent. */
    absorb(loaded: Loaded<MESSAGE>, watch: Watch, merge: Merge): void {
      const { turn } = state;
      for (const { id } of loaded.messages) state.arrive(list.keyOf(id));
      if (loaded.activeStream === null && !turn) state.settle({ kind: "finished" });
      list.absorb(loaded, watch, merge, (key) => turn?.isTaken === true || turn?.question?.key !== key);
      const answer = turn?.answer;
      const base = answer?.base && list.find(answer.key);
      if (turn && base) {
        if (loaded.activeStream) answer.base = base;
        state.showAnswer(turn);
      }
      state.changed();
    },
  };
  return state;
}
