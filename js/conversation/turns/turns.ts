/**
 * The life of turns: begins them, shows the answers that their streams write, ends them, and begins what waits behind them.
 * At most one turn runs at a time.
 */

import { isQuestion, openCalls } from "../calls.js";
import { questionOf } from "./input.js";
import { hasBegun } from "./turn.js";
import { record } from "../../message/fields.js";
import { RejoinError, toRejoinError } from "../../types/errors.js";
import type { Events } from "../events.js";
import type { History } from "../list/history.js";
import type { Failure, State } from "../state.js";
import type { Answer } from "./answer.js";
import type { Turn } from "./turn.js";
import type { ChatStreams, SentTurn, StreamOutcome, StreamSnapshot, UIMessage } from "../../types/index.js";

export type Turns<MESSAGE extends UIMessage> = ReturnType<typeof createTurns<MESSAGE>>;

/** @param advance called when the backend has nothing to do: goes on with an answer, or sends the next message */
export function createTurns<MESSAGE extends UIMessage>(
  streams: ChatStreams,
  state: State<MESSAGE>,
  history: History<MESSAGE>,
  events: Events,
  createId: () => string,
  advance: () => void,
) {
  const { sessionId, list, calls } = state;
  const snapshot = (): StreamSnapshot => streams.getSnapshot(sessionId);
  /** The key of the last answer whose end this page has seen. */
  let finished: string | undefined;
  /** The last task that was reported as finished. */
  let reported: string | undefined;
  /** The message that the last turn has continued: a stream that is joined again continues it, too. */
  let lastBase: Answer<MESSAGE> | undefined;
  /** The snapshot of the stream when the last turn ended, or when the conversation began. */
  let seen: Turn<MESSAGE>["before"] = snapshot();

  // ---- how turns begin and end ----

  const open = (init: Partial<Turn<MESSAGE>> & Pick<Turn<MESSAGE>, "origin">): Turn<MESSAGE> => {
    const turn = (state.turn = { before: snapshot(), ...init });
    state.clearError();
    return turn;
  };

  /**
   * Runs a turn of this conversation. `run` makes the call of the client. Resolves with the outcome of that call; the caller
   * then ends the turn.
   */
  const begin = async <OUTCOME extends StreamOutcome | null>(
    init: Partial<Turn<MESSAGE>>,
    run: (turn: Turn<MESSAGE>) => Promise<OUTCOME>,
  ): Promise<[Turn<MESSAGE>, OUTCOME | StreamOutcome]> => {
    const turn = open({ ...init, origin: "own" });
    try {
      return [turn, await run(turn)];
    } catch (error) {
      return [turn, { kind: "failed", error: toRejoinError(error) }];
    }
  };

  /**
   * Joins the task that runs, and resolves with its outcome, or with null if there is none.
   *
   * @param known the task that the app knows of, where the backend does not say
   */
  const join = async (init: Partial<Turn<MESSAGE>>, known?: string): Promise<StreamOutcome | null> => {
    const resume = (): Promise<StreamOutcome | null> => streams.resumeSession(sessionId);
    if (state.isBusy) return resume();
    const run = async (): Promise<StreamOutcome | null> => (await resume()) ?? (known === undefined ? null : streams.reconnectToTask(sessionId, known));
    const [turn, outcome] = await begin({ ...init, isTaken: true }, run);
    if (outcome) await end(turn, outcome);
    else close(turn);
    return outcome;
  };

  /**
   * Ends a turn. Resolves when the list shows all of its answer. What waits begins then.
   *
   * @param failed what `retry` does, unless the outcome says it
   */
  const end = async (turn: Turn<MESSAGE>, outcome: StreamOutcome, failed?: Failure): Promise<void> => {
    if (state.turn !== turn) return;
    const { kind, operation, truncated } = outcome;
    const isFinished = kind === "finished";
    show(turn);
    const { answer } = turn;
    if (isFinished && !operation && (!answer || !turn.isWhole || truncated)) await history.tryLoad();
    close(turn);
    if (isFinished) finished = answer?.key;
    else state.isPaused = true;
    report(turn, outcome, failed);
    state.settle(outcome);
    // An operation goes on in a task of its own, which writes the rest of the same answer (PROTOCOL §7).
    if (operation) void join({ continues: list.find(answer?.key), isOperation: true });
    else advance();
  };

  const close = (turn: Turn<MESSAGE>): void => {
    if (state.turn !== turn) return;
    state.turn = undefined;
    list.settle();
    seen = snapshot();
    state.changed();
  };

  const report = ({ isWhole }: Turn<MESSAGE>, outcome: StreamOutcome, failed?: Failure): void => {
    const { kind, error = new RejoinError("TASK_EXPIRED", "The backend no longer knows the answer.", { retryable: true }), taskId } = outcome;
    if (history.signal.aborted || kind === "superseded") return;
    if (kind === "failed" || kind === "expired") {
      if (!state.failure) state.fail(error, failed ?? { kind: isWhole || kind === "expired" ? "answer" : "lost" });
      events.error.call(error);
    }
    if (kind === "finished") {
      // A backend may name a task as the running one after its end.
      if (taskId !== undefined && taskId === reported) return;
      reported = taskId;
    }
    events.finish.call(outcome);
  };

  // ---- what the client reports ----

  /** Called when the snapshot of the stream has changed. A stream that nobody announced runs, or has run since the last turn. */
  const onSnapshot = (): void => {
    if (!state.turn && (streams.isStreaming(sessionId) || hasBegun(seen, snapshot()))) {
      state.turn = { origin: "unknown", before: seen, isHidden: true };
    }
    if (state.turn) show(state.turn);
    state.changed();
  };

  /** Shows the turn of another tab, or of other code of this page. Its stream may have been seen before. */
  const follow = (sent: SentTurn): void => {
    const { trigger, replaces, messageId, text, parts = [{ type: "text", text }], metadata } = sent;
    const turn = state.turn?.origin === "unknown" ? state.turn : open({ origin: "tab" });
    const place = replaces === undefined ? -1 : list.placeOf(list.keyOf(replaces));
    if (place >= 0) list.cut(trigger === "edit" ? place : list.lastQuestion(place) + 1);
    const isUnknown = replaces !== undefined && place < 0;
    const continues = trigger === "continue" ? list.last : undefined;
    Object.assign(turn, { origin: "tab", isTaken: true, isHidden: isUnknown, isLookedUp: false, continues });
    if (trigger !== "submit" && trigger !== "edit") return;
    const key = list.keyOf(messageId ?? createId());
    turn.question = { key };
    state.arrive(key);
    if (!list.find(key)) list.put(questionOf(key, parts, metadata), turn.answer?.key);
  };

  // ---- the answer ----

  const show = (turn: Turn<MESSAGE>): void => {
    const { before, question, messageId } = turn;
    const { message, taskId } = snapshot();
    if (!hasBegun(before, snapshot())) return;
    if (messageId === undefined) turn.isTaken = true;
    if (message && message !== before.message) {
      if (turn.source && turn.source.id !== message.id && turn.task !== taskId) {
        // The stream of an own turn has shown another message's answer until now, which the history knows.
        turn.answer = undefined;
        void history.tryLoad();
      }
      turn.source = message;
      turn.task = taskId;
    }
    if (!turn.isLookedUp && (turn.isHidden || (question && !turn.isTaken))) {
      turn.isLookedUp = true;
      void (turn.isHidden ? identify(turn) : lookUp(turn));
    }
    const { source } = turn;
    if (turn.isHidden || !source) return;
    turn.answer ??= createAnswer(turn, source);
    list.rename(turn.answer.key, source.id);
    // A stream that runs while the backend has not taken the question answers another one.
    state.showAnswer(turn, turn.isTaken ? undefined : question?.key);
  };

  const createAnswer = ({ isOperation, continues, repeatsHistory }: Turn<MESSAGE>, { id }: UIMessage): Answer<MESSAGE> => {
    // The task may be another one by now than the one that went on with the message.
    const base = isOperation || !id || list.keyOf(id) === continues?.id ? continues : undefined;
    if (repeatsHistory && !base) {
      // The stream is about to repeat the answer to the last question.
      const question = list.lastQuestion(list.messages.length - 1);
      list.set(list.messages.filter(({ role }, place) => place <= question || role !== "assistant"));
    }
    const key = base?.id ?? (id ? list.keyOf(id) : createId());
    lastBase = { key, base: base ?? (lastBase?.key === key ? lastBase.base : undefined) };
    return { ...lastBase };
  };

  /** Loads the history to learn what a turn answers or replaces. A history without a running task has the answer already. */
  const identify = async (turn: Turn<MESSAGE>): Promise<void> => {
    const loaded = await history.tryLoad();
    if (loaded?.activeStream === null) return;
    turn.isHidden = false;
    turn.continues = continued(loaded?.activeStream);
    turn.repeatsHistory = loaded !== undefined && !loaded.activeStream;
    if (state.turn === turn || !loaded) show(turn);
    state.changed();
  };

  /** A stream runs and nobody said that the backend has the question: the history says whether it answers that one. */
  const lookUp = async (turn: Turn<MESSAGE>): Promise<void> => {
    await isMissing(turn);
    if (state.turn === turn) onSnapshot();
  };

  /** Loads the history. Resolves with whether it lacks the question of a turn, and proves by its ids that it does. */
  const isMissing = async (turn: Turn<MESSAGE>): Promise<boolean> => {
    const loaded = await history.tryLoad();
    if (loaded?.messages.some(({ id }) => id === turn.messageId)) turn.isTaken = true;
    return !turn.isTaken && loaded?.hasIds === true;
  };

  /** Returns the message that the running task goes on with, if the list has it. */
  const continued = (activeStream: object | null | undefined): MESSAGE | undefined => {
    const { message_id: id } = record(activeStream);
    return typeof id === "string" ? list.find(list.keyOf(id)) : undefined;
  };

  return {
    begin,
    join,
    end,
    onSnapshot,
    isMissing,
    continued,

    /** Whether the last answer waits for the person, or for a tool that runs in the page. */
    get isWaiting(): boolean {
      const { last } = list;
      const open = openCalls(last && calls.apply(last));
      return last?.id === finished ? open.length > 0 : open.some(isQuestion);
    },

    /** Ends a turn that did not come about, because the session answers another message. */
    leave(turn: Turn<MESSAGE>): void {
      close(turn);
      onSnapshot();
      advance();
    },

    /** Called when the conversation begins to watch. A stream that runs already is shown from its beginning. */
    onBegin(): void {
      if (!streams.isStreaming(sessionId)) return;
      seen = { message: null };
      onSnapshot();
    },

    /** Called when the backend has taken a message, of this page or of another tab. */
    onTurn(sent: SentTurn): void {
      const { turn } = state;
      if (turn && sent.messageId !== undefined && turn.messageId === sent.messageId) turn.isTaken = true;
      else if (!state.isOwn) {
        follow(sent);
        // The backend has taken this turn: a history that is asked for from now on knows of it.
        list.settle();
      }
      onSnapshot();
    },

    /** Called when the stream has reached its outcome. */
    onStreamComplete(outcome: StreamOutcome): void {
      state.awaitsEnd = false;
      if (!state.turn) onSnapshot();
      const { turn } = state;
      if (!turn) return;
      turn.completed = outcome;
      if (!state.isOwn) void end(turn, outcome);
    },

    /** Called for each chunk that the stream delivers. */
    onChunk(type: string): void {
      const isWhole = { stream_reset: false, stream_start: false, stream_end: true, abort: true, error: true }[type];
      if (state.turn && isWhole !== undefined) state.turn.isWhole = isWhole;
    },
  };
}
