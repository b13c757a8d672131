/** What this page asks of the backend: messages, other versions of answers, and the continuation of an answer. */

import { isRefusedForNow } from "./turns.js";
import { requestOf } from "./input.js";
import { readFiles, submission } from "./outbox.js";
import { wasTaken } from "./turn.js";
import { toRejoinError } from "../errors.js";
import { RejoinError } from "../../types/errors.js";
import type { History } from "../list/history.js";
import type { Cut } from "../list/list.js";
import type { Entry } from "./outbox.js";
import type { Failure, State } from "../state.js";
import type { Turn } from "./turn.js";
import type { Turns } from "./turns.js";
import type { ChatStreams, MessageDelivery, StreamOutcome, StreamRequest, UIMessage } from "../../types/index.js";

/** The codes with which a backend refuses an id for good. */
const SPENT_ID = ["MESSAGE_CANCELLED", "MESSAGE_REPLACED"];

export class Sends<MESSAGE extends UIMessage> {
  readonly #streams: ChatStreams;
  readonly #state: State<MESSAGE>;
  readonly #history: History<MESSAGE>;
  readonly #turns: Turns<MESSAGE>;
  readonly #createId: () => string;
  /** Whether messages wait for an answer that is being written. */
  readonly #canQueue: boolean;
  /** The number of calls that wait for the history. What is sent after them waits for them. */
  held = 0;
  /** Whether the next message waits for the end of a stream that the client knows and this conversation does not. */
  #awaitsEnd = false;

  constructor(streams: ChatStreams, state: State<MESSAGE>, history: History<MESSAGE>, turns: Turns<MESSAGE>, createId: () => string, canQueue: boolean) {
    this.#streams = streams;
    this.#state = state;
    this.#history = history;
    this.#turns = turns;
    this.#createId = createId;
    this.#canQueue = canQueue;
  }

  /** Lets what waits go out, by the person's wish. */
  release(): void {
    this.#turns.isPaused = this.#awaitsEnd = false;
    if (!this.#turns.isBusy) this.#state.clearError();
  }

  /** Keeps what is sent behind a call that waits. Returns a function that ends this once the call has acted. */
  hold(): () => void {
    this.held++;
    return () => {
      this.held--;
      queueMicrotask(() => this.advance());
    };
  }

  /** Called when a stream of the session has ended. */
  handleComplete(): void {
    this.#awaitsEnd = false;
  }

  /** Goes on with the last answer if all is decided that it waits for, and else sends the next message. */
  advance(): void {
    if (this.#turns.isBusy || this.#turns.isPaused || this.#awaitsEnd || this.held > 0) return;
    const { calls, list, outbox } = this.#state;
    const decisions = calls.decisionsOn(list.last);
    if (decisions) return void this.#continue(decisions);
    if (this.#canQueue && this.#turns.isWaiting) return;
    const { next } = outbox;
    if (next) void this.#submit(next);
  }

  /** Puts a message into the list and sends it as soon as that may be. Resolves with the outcome of its turn. */
  send(entry: Entry<MESSAGE>, signal?: AbortSignal): Promise<StreamOutcome> {
    this.release();
    if (!this.#canQueue && this.#turns.isBusy) return Promise.resolve(this.keepUnsent(entry, busy()));
    const outcome = outcomeOf(entry);
    entry.delivery = "queued";
    this.#state.outbox.add(entry);
    this.#state.changed();
    this.#watch(entry, signal);
    this.advance();
    return outcome;
  }

  /** Keeps what the person wrote, though it cannot be sent now. */
  keepUnsent(entry: Entry<MESSAGE>, error: RejoinError): StreamOutcome {
    entry.delivery = "unsent";
    this.#state.outbox.add(entry);
    this.#state.changed();
    return { kind: "failed", error };
  }

  /** Sends a message before those that wait, unless an answer is being written. */
  sendFirst(entry: Entry<MESSAGE>): Promise<StreamOutcome> {
    if (this.#turns.isBusy) return this.send(entry);
    this.release();
    const outcome = outcomeOf(entry);
    void this.#submit(entry);
    return outcome;
  }

  /** Replaces an answer by another one. The list has the old answer again if the backend refuses. */
  async regenerate(target: MESSAGE): Promise<StreamOutcome> {
    if (this.#turns.isBusy) return { kind: "failed", error: busy() };
    this.release();
    const { list } = this.#state;
    const question = list.lastQuestion(list.messages.indexOf(target));
    const { message } = requestOf(list.messages[question] ?? target);
    // A base backend reads the message alone.
    const request: StreamRequest = { message, trigger: "regenerate", replaces: list.nameOf(target.id), messageId: this.#createId() };
    const cut = list.cut(question + 1);
    const [turn, outcome] = await this.#turns.begin({ messageId: request.messageId }, () => this.#start(request));
    if (!wasTaken(turn, outcome)) this.#restore(turn, cut, outcome, () => this.regenerate(target));
    await this.#end(turn, outcome);
    return outcome;
  }

  async #continue(decisions: Pick<StreamRequest, "toolOutputs" | "approvals">): Promise<StreamOutcome> {
    const { calls, list } = this.#state;
    const continues = list.last && calls.apply(list.last);
    const request: StreamRequest = { message: "", trigger: "continue", messageId: this.#createId(), ...decisions };
    const [turn, outcome] = await this.#turns.begin({ messageId: request.messageId, continues }, () => this.#start(request));
    const isSettled = outcome.error?.code === "TOOL_CALL_SETTLED" || outcome.error?.code === "TOOL_CALL_NOT_FOUND";
    if (wasTaken(turn, outcome) || isSettled) calls.clear(decisions);
    else this.#refuse(outcome, () => this.#continue(decisions));
    if (isSettled) await this.#history.load().catch(() => {});
    await this.#end(turn, outcome);
    return outcome;
  }

  async #submit(entry: Entry<MESSAGE>): Promise<void> {
    const { list, outbox } = this.#state;
    outbox.take(entry.key);
    entry.delivery = "sending";
    const place = entry.replaces === undefined ? -1 : list.messages.findIndex(({ id }) => id === entry.replaces);
    // A question that is gone has nothing to replace.
    if (place < 0) entry.replaces = undefined;
    const cut = place < 0 ? undefined : list.cut(place);
    list.put(entry.message);
    list.rename(entry.key, entry.messageId);
    const [turn, outcome] = await this.#turns.begin({ messageId: entry.messageId, question: entry }, (turn) => this.#post(entry, turn));
    // The client may take the end of another answer for that of this one.
    const isTaken = wasTaken(turn, outcome) && (turn.isTaken || !(await this.#turns.isMissing(turn)));
    const state = isTaken ? undefined : this.#putBack(entry, turn, cut, outcome);
    await (state === "stuck" ? this.#turns.end(turn, outcome, { kind: "send", key: entry.key }) : this.#end(turn, outcome));
    if (state === "queued") return;
    entry.resolve?.(outcome);
    entry.resolve = undefined;
  }

  /** Sends a message. Its files are read before. */
  async #post(entry: Entry<MESSAGE>, turn: Turn<MESSAGE>): Promise<StreamOutcome> {
    const { list } = this.#state;
    if (entry.files.length > 0) {
      await readFiles(entry);
      list.put(entry.message);
      this.#state.changed();
    }
    if (turn.isCancelled) return { kind: "stopped" };
    return this.#start(submission(entry, (key) => list.nameOf(key)));
  }

  #start(request: StreamRequest): Promise<StreamOutcome> {
    return this.#streams.startStream(this.#state.sessionId, request);
  }

  /**
   * The backend does not have a message: it waits for its turn again, or for the person. It is `stuck` if the backend refuses it
   * once more because of a task whose end has been seen.
   */
  #putBack(entry: Entry<MESSAGE>, turn: Turn<MESSAGE>, cut: Cut<MESSAGE> | undefined, outcome: StreamOutcome): MessageDelivery | "stuck" {
    const { list, outbox } = this.#state;
    list.remove(entry.key);
    if (cut) this.#restoreList(turn, cut);
    const isStuck = outcome.joined === true && outcome.taskId !== undefined && outcome.taskId === entry.refusedBy;
    entry.refusedBy = isStuck ? undefined : outcome.taskId;
    const waits = this.#canQueue && isRefusedForNow(outcome) && !isStuck;
    entry.delivery = waits ? "queued" : "unsent";
    if (outcome.error?.code === "MESSAGE_NOT_FOUND") entry.replaces = undefined;
    if (outcome.kind === "stopped" || SPENT_ID.includes(outcome.error?.code ?? "")) entry.messageId = this.#createId();
    outbox.add(entry);
    if (waits) this.#awaitsEnd = !outcome.joined && this.#state.isStreaming;
    else if (!isStuck) this.#fail(outcome, { kind: "send", key: entry.key });
    // A request whose answer was lost may have arrived all the same. What is to be replaced may be gone.
    if ((outcome.joined && !isStuck) || outcome.error?.status === 404 || (!waits && outcome.kind !== "superseded" && outcome.error?.status === undefined)) this.#look();
    return isStuck ? "stuck" : entry.delivery;
  }

  #restore(turn: Turn<MESSAGE>, cut: Cut<MESSAGE>, outcome: StreamOutcome, again: () => Promise<StreamOutcome>): void {
    this.#restoreList(turn, cut);
    this.#refuse(outcome, again);
    if (outcome.joined || outcome.error?.status === 404) this.#look();
  }

  /** Puts back what was cut off. An answer to another message, which the stream gave instead, stays. */
  #restoreList({ answer, source }: Turn<MESSAGE>, cut: Cut<MESSAGE>): void {
    const { list } = this.#state;
    list.restore(cut);
    if (answer && source) list.put(answer.show(source));
  }

  #refuse(outcome: StreamOutcome, again: () => Promise<StreamOutcome>): void {
    this.#fail(outcome, { kind: "refused", again });
  }

  /** Remembers what `retry` does. That the session answers another message is no error of the conversation. */
  #fail(outcome: StreamOutcome, failure: Failure): void {
    this.#turns.isPaused = true;
    const isError = outcome.kind === "failed" && !isRefusedForNow(outcome);
    if (isError) this.#state.fail(outcome.error ?? toRejoinError("The message was not sent."), failure);
    else this.#state.failure = failure;
  }

  /** Loads the history in the background, and joins what runs. */
  #look(): void {
    const join = (activeStream: object | null | undefined): void => {
      if (activeStream && !this.#turns.isBusy) void this.#turns.join({ continues: this.#turns.continued(activeStream) });
      else this.advance();
    };
    this.#history.load().then(({ activeStream }) => join(activeStream), () => {});
  }

  /** Ends a turn with the outcome of the stream that was shown, which may be another message's. */
  #end(turn: Turn<MESSAGE>, outcome: StreamOutcome): Promise<void> {
    const { outcome: joined } = (outcome.error?.details ?? {}) as { outcome?: StreamOutcome };
    if (outcome.joined) return this.#turns.end(turn, turn.completed ?? joined ?? { kind: "finished" });
    if (isRefusedForNow(outcome)) return this.#turns.leave(turn);
    return this.#turns.end(turn, outcome);
  }

  /** Applies the app's signal for as long as the message is on its way or its answer is being written. */
  #watch(entry: Entry<MESSAGE>, signal: AbortSignal | undefined): void {
    if (!signal) return;
    const letGo = (): void => this.#letGo(entry);
    const { resolve } = entry;
    entry.resolve = (outcome) => {
      signal.removeEventListener("abort", letGo);
      resolve?.(outcome);
    };
    if (signal.aborted) letGo();
    else signal.addEventListener("abort", letGo, { once: true });
  }

  #letGo(entry: Entry<MESSAGE>): void {
    const { turn, outbox, sessionId } = this.#state;
    if (turn?.question === entry) {
      turn.isCancelled = true;
      return this.#streams.detachStream(sessionId);
    }
    if (!outbox.find(entry.key)) return;
    entry.delivery = "unsent";
    this.#state.changed();
    entry.resolve?.({ kind: "superseded" });
    entry.resolve = undefined;
  }
}

/** Resolves with the outcome of a message, for this call and for those that wait for it already. */
function outcomeOf<MESSAGE extends UIMessage>(entry: Entry<MESSAGE>): Promise<StreamOutcome> {
  const { resolve: before } = entry;
  return new Promise((resolve) => {
    entry.resolve = (outcome) => {
      before?.(outcome);
      resolve(outcome);
    };
  });
}

/** The error of a call that cannot be made while an answer is written. */
export function busy(): RejoinError {
  return new RejoinError("TASK_RUNNING", "The session's stream runs already.");
}
