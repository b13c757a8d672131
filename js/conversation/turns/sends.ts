/** What this page asks of the backend: messages, other versions of answers, and the continuation of an answer. */

import { requestOf } from "./input.js";
import { outcomeOf, readFiles, submission } from "./outbox.js";
import { isRefusedForNow, wasTaken } from "./turn.js";
import { record } from "../../message/fields.js";
import { heed } from "../../streams/session/signal.js";
import { RejoinError } from "../../types/errors.js";
import type { Decisions } from "../calls.js";
import type { History } from "../list/history.js";
import type { Entry } from "./outbox.js";
import type { Failure, State } from "../state.js";
import type { Turn } from "./turn.js";
import type { Turns } from "./turns.js";
import type { ChatStreams, StreamOutcome, StreamRequest, UIMessage } from "../../types/index.js";

/** @param canQueue whether messages wait for an answer that is being written */
export function createSends<MESSAGE extends UIMessage>(
  streams: ChatStreams,
  state: State<MESSAGE>,
  history: History<MESSAGE>,
  turns: Turns<MESSAGE>,
  createId: () => string,
  canQueue: boolean,
) {
  const { sessionId, list, outbox, calls } = state;
  /** Lets what waits go out, by the person's wish. */
  const release = (): void => {
    state.isPaused = state.awaitsEnd = false;
    if (!state.isBusy) state.clearError();
  };

  /** Goes on with the last answer if all is decided that it waits for, and else sends the next message. */
  const advance = (): void => {
    if (state.isBusy || state.isPaused || state.awaitsEnd || state.held > 0) return;
    const decisions = calls.decisionsOn(list.last);
    if (decisions) return void goOn(decisions);
    if (canQueue && turns.isWaiting) return;
    const next = outbox.entries.find(({ delivery }) => delivery === "queued");
    if (next) void submit(next);
  };

  // ---- messages ----

  /** Puts a message into the list and sends it as soon as that may be. Resolves with the outcome of its turn. */
  const send = (entry: Entry<MESSAGE>, signal?: AbortSignal): Promise<StreamOutcome> => {
    release();
    if (!canQueue && state.isBusy) return keepUnsent(entry, busy());
    const outcome = outcomeOf(entry);
    outbox.add(entry, "queued");
    state.changed();
    const letGo = (): void => leave(entry);
    if (signal?.aborted) letGo();
    else void outcome.then(heed(signal, letGo));
    advance();
    return outcome;
  };

  /** Keeps what the person wrote, though it cannot be sent now. */
  const keepUnsent = async (entry: Entry<MESSAGE>, outcome: StreamOutcome): Promise<StreamOutcome> => {
    outbox.add(entry, "unsent");
    state.changed();
    return outcome;
  };

  /** Sends a message before those that wait, unless an answer is being written. */
  const sendFirst = (entry: Entry<MESSAGE>): Promise<StreamOutcome> => {
    if (state.isBusy) return send(entry);
    release();
    const outcome = outcomeOf(entry);
    void submit(entry);
    return outcome;
  };

  const submit = async (entry: Entry<MESSAGE>): Promise<void> => {
    const { key, messageId } = entry;
    outbox.take(key);
    const place = list.placeOf(entry.replaces);
    // A question that is gone has nothing to replace.
    if (place < 0) entry.replaces = undefined;
    const before = place < 0 ? undefined : list.cut(place);
    list.put(entry.message);
    list.rename(key, messageId);
    const [turn, outcome] = await turns.begin({ messageId, question: entry }, (turn) => post(entry, turn));
    // The client may take the end of another answer for that of this one.
    const isTaken = wasTaken(turn, outcome) && (turn.isTaken || !(await turns.isMissing(turn)));
    const isStuck = !isTaken && putBack(entry, turn, before, outcome);
    await (isStuck ? turns.end(turn, outcome, { key }) : end(turn, outcome));
    if (isTaken || entry.delivery !== "queued") entry.resolve?.(outcome);
  };

  /** Sends a message. Its files are read before. */
  const post = async (entry: Entry<MESSAGE>, turn: Turn<MESSAGE>): Promise<StreamOutcome> => {
    if (entry.files.length > 0) {
      await readFiles(entry);
      list.put(entry.message);
      state.changed();
    }
    if (turn.isCancelled) return { kind: "stopped" };
    return start(submission(entry, list.nameOf));
  };

  const start = (request: StreamRequest): Promise<StreamOutcome> => streams.startStream(sessionId, request);

  /**
   * The backend does not have a message: it waits for its turn again, or for the person. Returns whether the backend has refused it
   * once more because of a task whose end has been seen.
   */
  const putBack = (entry: Entry<MESSAGE>, turn: Turn<MESSAGE>, before: readonly MESSAGE[] | undefined, outcome: StreamOutcome): boolean => {
    const { kind, taskId, joined, error } = outcome;
    const { key } = entry;
    list.set(list.messages.filter(({ id }) => id !== key));
    if (before) restore(turn, before);
    const isStuck = joined === true && taskId !== undefined && taskId === entry.refusedBy;
    const waits = canQueue && isRefusedForNow(outcome) && !isStuck;
    entry.refusedBy = isStuck ? undefined : taskId;
    if (error?.code === "MESSAGE_NOT_FOUND") entry.replaces = undefined;
    // The backend has refused the id for good.
    if (kind === "stopped" || error?.code === "MESSAGE_CANCELLED" || error?.code === "MESSAGE_REPLACED") entry.messageId = createId();
    outbox.add(entry, waits ? "queued" : "unsent");
    if (waits) state.awaitsEnd = !joined && streams.isStreaming(sessionId);
    else if (!isStuck) fail(outcome, { key });
    // A request whose answer was lost may have arrived all the same.
    if ((mayDiffer(outcome) && !isStuck) || (!waits && kind !== "superseded" && error?.status === undefined)) void look();
    return isStuck;
  };

  // ---- answers ----

  /** Replaces an answer by another one. The list has the old answer again if the backend refuses. */
  const regenerate = async (target: MESSAGE): Promise<StreamOutcome> => {
    if (state.isBusy) return busy();
    release();
    const question = list.lastQuestion(list.placeOf(target.id));
    // A base backend reads the message alone.
    const { message } = requestOf(list.messages[question] ?? target);
    const replaces = list.nameOf(target.id);
    const before = list.cut(question + 1);
    const [turn, outcome] = await ask({ message, trigger: "regenerate", replaces });
    if (!wasTaken(turn, outcome)) {
      restore(turn, before);
      fail(outcome, { again: () => regenerate(target) });
      if (mayDiffer(outcome)) void look();
    }
    await end(turn, outcome);
    return outcome;
  };

  const goOn = async (decisions: Decisions): Promise<StreamOutcome> => {
    const continues = list.last && calls.apply(list.last);
    const [turn, outcome] = await ask({ message: "", trigger: "continue", ...decisions }, continues);
    const isSettled = outcome.error?.code === "TOOL_CALL_SETTLED" || outcome.error?.code === "TOOL_CALL_NOT_FOUND";
    if (isSettled || wasTaken(turn, outcome)) calls.clear(decisions);
    else fail(outcome, { again: () => goOn(decisions) });
    if (isSettled) await history.tryLoad();
    await end(turn, outcome);
    return outcome;
  };

  /** Runs a turn that sends no message of the person. */
  const ask = (request: StreamRequest, continues?: MESSAGE): Promise<[Turn<MESSAGE>, StreamOutcome]> => {
    const messageId = createId();
    return turns.begin({ messageId, continues }, () => start({ ...request, messageId }));
  };

  // ---- what becomes of a turn ----

  /**
   * Puts back what was cut off. An answer to another message, which the stream gave instead, stays.
   */
  const restore = (turn: Turn<MESSAGE>, before: readonly MESSAGE[]): void => {
    list.restore(before);
    state.showAnswer(turn);
  };

  /** The history says what has become of the messages where the backend follows another turn, or lacks one of them. */
  const mayDiffer = ({ joined, error }: StreamOutcome): boolean => joined === true || error?.status === 404;

  /** Remembers what `retry` does. That the session answers another message is no error of the conversation. */
  const fail = (outcome: StreamOutcome, failure: Failure): void => {
    state.isPaused = true;
    if (outcome.kind === "failed" && !isRefusedForNow(outcome)) state.fail(outcome.error, failure);
    else state.failure = failure;
  };

  /** Loads the history in the background, and joins what runs. */
  const look = async (): Promise<void> => {
    const loaded = await history.tryLoad();
    if (!loaded) return;
    if (loaded.activeStream && !state.isBusy) void turns.join({ continues: turns.continued(loaded.activeStream) });
    else advance();
  };

  /** Ends a turn with the outcome of the stream that was shown, which may be another message's. */
  const end = async (turn: Turn<MESSAGE>, outcome: StreamOutcome): Promise<void> => {
    const { outcome: joined } = record(outcome.error?.details) as { outcome?: StreamOutcome };
    if (outcome.joined) return turns.end(turn, turn.completed ?? joined ?? { kind: "finished" });
    return isRefusedForNow(outcome) ? turns.leave(turn) : turns.end(turn, outcome);
  };

  /** The app's signal was aborted. */
  const leave = (entry: Entry<MESSAGE>): void => {
    const { turn } = state;
    if (turn?.question === entry) {
      turn.isCancelled = true;
      streams.detachStream(sessionId);
    } else if (outbox.find(entry.key)) {
      entry.delivery = "unsent";
      state.changed();
      entry.resolve?.({ kind: "superseded" });
    }
  };

  return {
    release,
    advance,
    send,
    keepUnsent,
    sendFirst,
    regenerate,
  };
}

/** The outcome of a call that cannot be made while an answer is written. */
export function busy(): StreamOutcome {
  return { kind: "failed", error: new RejoinError("TASK_RUNNING", "The session's stream runs already.") };
}
