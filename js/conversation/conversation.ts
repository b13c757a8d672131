/** `createConversation`: the app's calls on one side, the client's streams on the other. */

import { createEvents } from "./events.js";
import { createHistory } from "./list/history.js";
import { createState } from "./state.js";
import { draftOf } from "./turns/input.js";
import { busy, createSends } from "./turns/sends.js";
import { createTurns } from "./turns/turns.js";
import { record } from "../message/fields.js";
import { randomId } from "../streams/random-id.js";
import { RejoinError } from "../types/errors.js";
import type { Loaded } from "./list/list.js";
import type { Draft } from "./turns/input.js";
import type {
  ChatStreams, Conversation, ConversationOptions, ConversationSnapshot, StreamOutcome, UIMessage,
} from "../types/index.js";

/** Creates the conversation of a session. It does nothing until it is subscribed to or called. */
export function createConversation<MESSAGE extends UIMessage = UIMessage>(
  streams: ChatStreams,
  sessionId: string,
  options: ConversationOptions<MESSAGE> = {},
): Conversation<MESSAGE> {
  const { initialMessages, generateId = randomId, whileRunning } = options;
  const events = createEvents();
  const state = createState<MESSAGE>(streams, sessionId, initialMessages);
  const history = createHistory(streams, state, options);
  const { signal } = history;
  const turns = createTurns(streams, state, history, events, generateId, () => sends.advance());
  const sends = createSends(streams, state, history, turns, generateId, whileRunning !== "reject");
  const { list, outbox, calls } = state;
  const serverSnapshot: ConversationSnapshot<MESSAGE> = { messages: initialMessages ?? [], delivery: {}, status: "ready", isRunning: false, attempt: 0, role: "owner" };
  /** Ends the subscriptions to the client. */
  let detach: Array<() => void> | undefined;
  let joining: Promise<StreamOutcome | null> | undefined;

  // ---- its life ----

  /** Subscribes to the client and loads the history, once. Resolves when the history is there. */
  const begin = (): Promise<void> => {
    if (!detach && !signal.aborted) attach();
    return history.begin();
  };

  const attach = (): void => {
    const isOurs = (session: string): boolean => session === sessionId;
    detach = [
      streams.onSnapshot(sessionId, turns.onSnapshot),
      streams.onTurn((session, turn) => isOurs(session) && turns.onTurn(turn)),
      streams.onStreamComplete((session, outcome) => isOurs(session) && turns.onStreamComplete(outcome)),
      streams.subscribeToStream(sessionId, (chunk) => {
        turns.onChunk(chunk.type);
        events.take(chunk);
      }),
    ];
    turns.onBegin();
  };

  /** Begins for a call of the app. */
  const beginCall = (): Promise<void> => {
    if (signal.aborted) throw new RejoinError("CLOSED", "This conversation is closed.");
    return begin();
  };

  /** Makes a call when the history is there, and at once if it is there already: calls keep their order. */
  const inOrder = async <T>(call: () => T | Promise<T>): Promise<T> => {
    const begun = beginCall();
    if (!state.isLoading && !state.held) return call();
    state.held++;
    try {
      await begun;
      void beginCall();
      return call();
    } finally {
      state.held--;
      queueMicrotask(sends.advance);
    }
  };

  /** Makes a decision on a tool call, after which the answer may go on. */
  const decide = (add: () => void): Promise<void> =>
    inOrder(() => {
      add();
      state.changed();
      sends.advance();
    });

  const drop = (key: string): void => outbox.take(key)?.resolve?.({ kind: "superseded" });

  // ---- turns ----

  const regenerate = async (messageId?: string): Promise<StreamOutcome> => {
    if (outbox.find(messageId)) return retry(messageId);
    const target = messageId === undefined ? list.last : list.find(messageId);
    return target ? sends.regenerate(target) : notFound();
  };

  const edit = async (messageId: string, draft: Draft<MESSAGE>): Promise<StreamOutcome> => {
    const waiting = outbox.find(messageId);
    drop(messageId);
    if (waiting) return sends.send(draft(generateId(), waiting.replaces, waiting.order));
    const isThere = list.find(messageId)?.role === "user";
    const entry = draft(generateId(), isThere ? messageId : undefined);
    if (!isThere) return sends.keepUnsent(entry, notFound());
    return state.isBusy ? sends.keepUnsent(entry, busy()) : sends.sendFirst(entry);
  };

  const retry = async (messageId?: string): Promise<StreamOutcome> => {
    const { failure } = state;
    const key = messageId ?? failure?.key;
    const entry = key === undefined ? outbox.entries.find(({ delivery }) => delivery === "unsent" && !failure) : outbox.find(key);
    if (entry) {
      outbox.take(entry.key);
      return sends.sendFirst(entry);
    }
    if (messageId !== undefined || failure?.kind === "answer") return regenerate(messageId);
    if (failure?.kind === "load") return refresh().then(() => ({ kind: "finished" }), (error: RejoinError) => ({ kind: "failed", error }));
    sends.release();
    return failure?.again?.() ?? rejoin();
  };

  /** Joins an answer that was lost. Where the backend has neither a task nor an answer, the question is answered anew. */
  const rejoin = async (): Promise<StreamOutcome> => {
    const outcome = await resume();
    if (outcome) return outcome;
    if (list.last?.role === "user") return regenerate();
    sends.advance();
    return { kind: "finished" };
  };

  const resume = async (): Promise<StreamOutcome | null> => {
    void beginCall();
    return (joining ??= join().finally(() => void (joining = undefined)));
  };

  const join = async (loaded?: Loaded<MESSAGE>): Promise<StreamOutcome | null> => {
    try {
      return await joinActive(loaded ?? (await history.load()));
    } catch (thrown) {
      const error = thrown as RejoinError;
      // The client goes on trying to reach a task that it has saved.
      if (streams.getActiveTask(sessionId)) return turns.join({ repeatsHistory: true });
      state.fail(error, { kind: "load" });
      events.error.call(error);
      return { kind: "failed", error };
    }
  };

  /** A history without a running task is complete: a saved task of the session has nothing to add. */
  const joinActive = async ({ activeStream }: Loaded<MESSAGE>): Promise<StreamOutcome | null> => {
    if (activeStream === null && !state.isBusy) return null;
    const { task_id: taskId } = record(activeStream);
    const turn = { continues: turns.continued(activeStream), repeatsHistory: activeStream === undefined };
    const outcome = await turns.join(turn, options.load && typeof taskId === "string" ? taskId : undefined);
    // The task has ended since the history was read, which lacks its answer.
    if (!outcome && activeStream) await history.load();
    return outcome;
  };

  const refresh = async (): Promise<void> => {
    void beginCall();
    try {
      const loaded = await history.load();
      if (state.failure?.kind === "load") state.clearError();
      if (loaded.activeStream !== null && !state.isBusy) void join(loaded);
    } catch (error) {
      state.fail(error as RejoinError, { kind: "load" });
      throw error;
    }
  };

  return {
    sessionId,
    getSnapshot: () => state.snapshot,
    getServerSnapshot: () => serverSnapshot,

    subscribe(callback) {
      const end = state.subscribe(callback);
      void begin();
      return end;
    },

    on(event, callback) {
      void begin();
      return events[event].add(callback as never);
    },

    async send(input, { signal: given } = {}) {
      const id = generateId();
      const entry = draftOf<MESSAGE>(input)(id);
      void beginCall();
      return sends.send(entry, given);
    },

    regenerate: (messageId) => inOrder(() => regenerate(messageId)),
    retry: (messageId) => inOrder(() => retry(messageId)),

    async edit(messageId, input) {
      const draft = draftOf<MESSAGE>(input);
      return inOrder(() => edit(messageId, draft));
    },

    addToolOutput: (output) => decide(() => calls.addToolOutput(list.messages, output)),

    respondToApproval: (response) =>
      decide(() => {
        calls.respondToApproval(list.messages, response);
        if (!state.failure) state.isPaused = false;
      }),

    resume,
    refresh,

    async stop() {
      const stop = (): Promise<void> => {
        state.isPaused = true;
        if (state.turn) state.turn.isCancelled = true;
        return streams.stopStream(sessionId);
      };
      return state.held ? inOrder(stop) : stop();
    },

    setMessages(update) {
      const next = typeof update === "function" ? update(state.snapshot.messages) : update;
      const kept = new Set(next.map(({ id }) => id));
      for (const { key } of outbox.entries) if (!kept.has(key)) drop(key);
      list.set(next.filter(({ id }) => !outbox.find(id)));
      state.changed();
    },

    removeQueued(messageId) {
      drop(messageId);
      state.changed();
    },

    clearError: state.clearError,

    dispose() {
      history.dispose();
      detach?.forEach((end) => end());
      for (const { key } of outbox.entries) drop(key);
      state.settle({ kind: "superseded" });
    },
  };
}

function notFound(): StreamOutcome {
  return { kind: "failed", error: new RejoinError("MESSAGE_NOT_FOUND", "There is no such question or answer.") };
}
