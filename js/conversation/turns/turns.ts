/**
 * The life of turns: begins them, shows the answers that their streams write, ends them, and begins what waits behind them.
 * At most one turn runs at a time.
 */

import { Answer } from "./answer.js";
import { isAsking, isWaiting } from "../calls.js";
import { createTurn, hasBegun, isBusy } from "./turn.js";
import { toRejoinError } from "../errors.js";
import type { Events } from "../events.js";
import type { History } from "../list/history.js";
import type { Failure, State } from "../state.js";
import type { Turn, TurnInit } from "./turn.js";
import type { ChatStreams, SentTurn, StreamOutcome, StreamSnapshot, UIMessage } from "../../types/index.js";

/** What is done when the backend has nothing to do: goes on with an answer, or sends the next message. */
export type Advance = () => void;

export class Turns<MESSAGE extends UIMessage> {
  readonly #streams: ChatStreams;
  readonly #state: State<MESSAGE>;
  readonly #history: History<MESSAGE>;
  readonly #events: Events;
  readonly #advance: Advance;
  readonly #createId: () => string;
  /** Whether what waits has to wait for the person's next call, because a turn was stopped or has failed. */
  isPaused = false;
  /** The key of the last answer whose end this page has seen. */
  #finished: string | undefined;
  /** The last task that was reported as finished. */
  #reported: string | undefined;
  /** The message that the last turn has continued: a stream that is joined again continues it, too. */
  #base: { key: string; message: MESSAGE } | undefined;
  /** The snapshot of the stream when the last turn ended, or when the conversation began. */
  #seen: StreamSnapshot;
  #isDisposed = false;

  constructor(streams: ChatStreams, state: State<MESSAGE>, history: History<MESSAGE>, events: Events, createId: () => string, advance: Advance) {
    this.#streams = streams;
    this.#state = state;
    this.#history = history;
    this.#events = events;
    this.#createId = createId;
    this.#advance = advance;
    this.#seen = this.#snapshot();
  }

  dispose(): void {
    this.#isDisposed = true;
  }

  /** Whether the backend is working on this session, as far as this page knows. */
  get isBusy(): boolean {
    return this.#state.isStreaming || this.#state.turn?.origin === "own";
  }

  /** Whether the last answer waits for the person, or for a tool that runs in the page. */
  get isWaiting(): boolean {
    const { last } = this.#state.list;
    const shown = last && this.#state.calls.apply(last);
    return isAsking(shown) || (last?.id === this.#finished && isWaiting(shown));
  }

  /**
   * Runs a turn of this conversation. `run` makes the call of the client. Resolves with the outcome of that call; the caller
   * then ends the turn.
   */
  async begin<OUTCOME extends StreamOutcome | null>(
    init: Partial<Turn<MESSAGE>>,
    run: (turn: Turn<MESSAGE>) => Promise<OUTCOME>,
  ): Promise<[Turn<MESSAGE>, OUTCOME | StreamOutcome]> {
    const turn = this.#open({ ...init, origin: "own" });
    try {
      return [turn, await run(turn)];
    } catch (error) {
      return [turn, { kind: "failed", error: toRejoinError(error) }];
    }
  }

  #open(init: TurnInit<MESSAGE>): Turn<MESSAGE> {
    const turn = createTurn(this.#snapshot(), init);
    this.#state.turn = turn;
    this.#state.clearError();
    return turn;
  }

  /**
   * Joins the task that runs, and resolves with its outcome, or with null if there is none.
   *
   * @param known the task that the app knows of, where the backend does not say
   */
  async join(init: Partial<Turn<MESSAGE>>, known?: string): Promise<StreamOutcome | null> {
    const { sessionId } = this.#state;
    if (this.isBusy) return this.#streams.resumeSession(sessionId);
    const run = async (): Promise<StreamOutcome | null> => {
      const outcome = await this.#streams.resumeSession(sessionId);
      return outcome || known === undefined ? outcome : this.#streams.reconnectToTask(sessionId, known);
    };
    const [turn, outcome] = await this.begin({ ...init, isTaken: true }, run);
    if (outcome) await this.end(turn, outcome);
    else this.#close(turn);
    return outcome;
  }

  /**
   * Ends a turn. Resolves when the list shows all of its answer. What waits begins then.
   *
   * @param failed what `retry` does, unless the outcome says it
   */
  async end(turn: Turn<MESSAGE>, outcome: StreamOutcome, failed?: Failure): Promise<void> {
    if (this.#state.turn !== turn) return;
    this.#show(turn, this.#snapshot());
    const isMissing = outcome.kind === "finished" && (!turn.answer || !turn.isWhole || outcome.truncated === true);
    if (isMissing && !outcome.operation) await this.#history.load().catch(() => {});
    this.#close(turn);
    this.isPaused ||= outcome.kind !== "finished";
    if (outcome.kind === "finished") this.#finished = turn.answer?.key;
    this.#report(turn, outcome, failed);
    if (outcome.operation) return void this.#goOn(turn);
    this.#advance();
  }

  /** An operation goes on in a task of its own, which writes the rest of the same answer (PROTOCOL §7). */
  async #goOn({ answer }: Turn<MESSAGE>): Promise<void> {
    await this.join({ continues: answer && this.#state.list.find(answer.key), isOperation: true });
  }

  /** Ends a turn that did not come about, because the session answers another message. */
  async leave(turn: Turn<MESSAGE>): Promise<void> {
    this.#close(turn);
    this.handleStream();
    this.#advance();
  }

  /** Called when the conversation begins to watch. A stream that runs already is shown from its beginning. */
  handleBegin(): void {
    if (!this.#state.isStreaming) return;
    this.#seen = { sessionId: this.#state.sessionId, status: "idle", message: null, attempt: 0, role: "owner" };
    this.handleStream();
  }

  #close(turn: Turn<MESSAGE>): void {
    if (this.#state.turn !== turn) return;
    this.#state.turn = undefined;
    this.#state.list.settle();
    this.#seen = this.#snapshot();
    this.#state.changed();
  }

  #report({ isWhole }: Turn<MESSAGE>, outcome: StreamOutcome, failed?: Failure): void {
    const { kind, error } = outcome;
    if (this.#isDisposed || kind === "superseded") return;
    if (kind === "failed" || kind === "expired") {
      const failure = error ?? toRejoinError("The backend no longer knows the answer.", "TASK_EXPIRED");
      if (!this.#state.failure) this.#state.fail(failure, failed ?? { kind: isWhole || kind === "expired" ? "answer" : "lost" });
      this.#events.emit("error", failure);
    }
    // A backend may name a task as the running one after its end.
    if (kind === "finished" && outcome.taskId !== undefined && outcome.taskId === this.#reported) return;
    if (kind === "finished") this.#reported = outcome.taskId;
    this.#events.emit("finish", outcome);
  }

  // ---- what the client reports ----

  /** Called when the snapshot of the stream has changed. */
  handleStream(): void {
    const snapshot = this.#snapshot();
    const turn = this.#state.turn ?? this.#find(snapshot);
    if (turn) this.#show(turn, snapshot);
    this.#state.changed();
  }

  /** A stream that nobody announced: it runs, or it has run since the last turn ended. */
  #find(snapshot: StreamSnapshot): Turn<MESSAGE> | undefined {
    if (!this.#state.isStreaming && !hasBegun({ before: this.#seen } as Turn<MESSAGE>, snapshot)) return undefined;
    const turn = createTurn<MESSAGE>(this.#seen, { origin: "unknown", isHidden: true, needsHistory: true });
    this.#state.turn = turn;
    return turn;
  }

  /** Called when the backend has taken a message, of this page or of another tab. */
  handleTurn(sent: SentTurn): void {
    const { turn } = this.#state;
    if (sent.messageId !== undefined && turn?.messageId === sent.messageId) turn.isTaken = true;
    else if (turn?.origin !== "own") this.#follow(turn, sent);
    this.handleStream();
  }

  /** Shows the turn of another tab, or of other code of this page. Its stream may have been seen before. */
  #follow(seen: Turn<MESSAGE> | undefined, sent: SentTurn): void {
    const { list } = this.#state;
    const turn = seen?.origin === "unknown" ? seen : this.#open({ origin: "tab" });
    const isReplaced = sent.replaces === undefined || this.#cut(sent.replaces, sent.trigger);
    const continues = sent.trigger === "continue" ? list.last : undefined;
    Object.assign(turn, { origin: "tab", isTaken: true, isHidden: !isReplaced, needsHistory: !isReplaced, continues });
    if (sent.trigger !== "submit" && sent.trigger !== "edit") return;
    const key = list.keyOf(sent.messageId ?? this.#createId());
    turn.question = { key };
    this.#state.outbox.take(key);
    if (list.find(key)) return;
    const { text, parts = [{ type: "text", text }], metadata } = sent;
    list.put({ id: key, role: "user", parts, ...(metadata !== undefined && { metadata }) } as unknown as MESSAGE, turn.answer?.key);
  }

  /** Removes what another tab has replaced. Returns whether the list had it. */
  #cut(replaced: string, trigger: SentTurn["trigger"]): boolean {
    const { list } = this.#state;
    const place = list.messages.findIndex(({ id }) => id === list.keyOf(replaced));
    if (place >= 0) list.cut(trigger === "edit" ? place : list.lastQuestion(place) + 1);
    return place >= 0;
  }

  /** Called when the stream has reached its outcome. */
  handleComplete(outcome: StreamOutcome): void {
    if (!this.#state.turn) this.handleStream();
    const { turn } = this.#state;
    if (!turn) return;
    turn.completed = outcome;
    if (turn.origin === "own") return;
    void this.end(turn, outcome);
  }

  /** Called for each chunk that the stream delivers. */
  handleChunk(type: string): void {
    const { turn } = this.#state;
    if (!turn) return;
    if (type === "stream_reset" || type === "stream_start") turn.isWhole = false;
    if (type === "stream_end" || type === "abort" || type === "error") turn.isWhole = true;
  }

  // ---- the answer ----

  #show(turn: Turn<MESSAGE>, snapshot: StreamSnapshot): void {
    if (!hasBegun(turn, snapshot)) return;
    turn.isTaken ||= turn.messageId === undefined;
    const { message, taskId } = snapshot;
    if (message && message !== turn.before.message) {
      if (turn.source && turn.source.id !== message.id && turn.task !== taskId) this.#leaveAnswer(turn);
      turn.source = message;
      turn.task = taskId;
    }
    if (turn.needsHistory) void this.#identify(turn);
    if (turn.question && !turn.isTaken && !turn.isLookedUp) void this.#lookUp(turn);
    if (turn.isHidden || !turn.source) return;
    turn.answer ??= this.#createAnswer(turn, turn.source);
    this.#state.list.rename(turn.answer.key, turn.source.id);
    // A stream that runs while the backend has not taken the question answers another one.
    this.#state.list.put(turn.answer.show(turn.source), turn.isTaken ? undefined : turn.question?.key);
  }

  /** The stream of an own turn has shown another message's answer until now, which the history knows. */
  #leaveAnswer(turn: Turn<MESSAGE>): void {
    turn.answer = undefined;
    void this.#history.load().catch(() => {});
  }

  #createAnswer(turn: Turn<MESSAGE>, source: UIMessage): Answer<MESSAGE> {
    const { list } = this.#state;
    // The task may be another one by now than the one that went on with the message.
    const isSame = turn.isOperation || !source.id || list.keyOf(source.id) === turn.continues?.id;
    const continues = isSame ? turn.continues : undefined;
    if (turn.repeatsHistory && !continues) list.dropAnswer();
    const key = continues?.id ?? (source.id ? list.keyOf(source.id) : this.#createId());
    if (continues) this.#base = { key, message: continues };
    else if (this.#base?.key !== key) this.#base = undefined;
    return new Answer(key, this.#base?.message);
  }

  /** Loads the history to learn what a turn answers or replaces. A history without a running task has the answer already. */
  async #identify(turn: Turn<MESSAGE>): Promise<void> {
    turn.needsHistory = false;
    const loaded = await this.#history.load().catch(() => undefined);
    if (loaded && loaded.activeStream === null) return;
    turn.isHidden = false;
    turn.continues = loaded && this.continued(loaded.activeStream);
    turn.repeatsHistory = loaded !== undefined && loaded.activeStream === undefined;
    if (this.#state.turn === turn || !loaded) this.#show(turn, this.#snapshot());
    this.#state.changed();
  }

  /** A stream runs and nobody said that the backend has the question: the history says whether it answers that one. */
  async #lookUp(turn: Turn<MESSAGE>): Promise<void> {
    turn.isLookedUp = true;
    await this.isMissing(turn);
    if (this.#state.turn === turn) this.handleStream();
  }

  /** Loads the history. Resolves with whether it lacks the question of a turn, and proves by its ids that it does. */
  async isMissing(turn: Turn<MESSAGE>): Promise<boolean> {
    const loaded = await this.#history.load().catch(() => undefined);
    if (loaded?.messages.some(({ id }) => id === turn.messageId)) turn.isTaken = true;
    return !turn.isTaken && loaded !== undefined && loaded.hasIds;
  }

  /** Returns the message that the running task goes on with, if the list has it. */
  continued(activeStream: object | null | undefined): MESSAGE | undefined {
    const { message_id: id } = (activeStream ?? {}) as { message_id?: unknown };
    return typeof id === "string" ? this.#state.list.find(this.#state.list.keyOf(id)) : undefined;
  }

  #snapshot(): StreamSnapshot {
    return this.#streams.getSnapshot(this.#state.sessionId);
  }
}

/** Returns whether a call was refused because the session answers another message. */
export function isRefusedForNow({ joined, error }: StreamOutcome): boolean {
  return joined === true || isBusy(error);
}
