/** One session as the app sees it: its listeners, its snapshot, and the chunks of its stream so far. */

import { ChunkReader, hasReset, malformedOf } from "../../chunks/batch.js";
import { isAfter } from "../../chunks/cursor.js";
import { History } from "./history.js";
import { ChunkIterator } from "./iterator.js";
import { Callbacks } from "../callbacks.js";
import { guard } from "../../types/report.js";
import { Transcript } from "../../message/transcript.js";
import type { Batch } from "../../chunks/batch.js";
import type { StateRecord } from "../../loader/generated.js";
import type { RejoinError } from "../../types/errors.js";
import type { MalformedFrame, StreamChunk, StreamListener, StreamListenerObject, StreamOutcome, StreamSnapshot, StreamStatus } from "../../types/index.js";

/** The state of a stream as the core reports it. */
export type StreamState = Omit<StateRecord, "error"> & { error?: RejoinError };

/** A registered listener. */
export interface Subscription {
  readonly listener: StreamListener;
  isOpen: boolean;
  /** The id of the last event that the listener has received already. */
  after?: string | undefined;
  /** Called when the subscription ends. */
  release?: () => void;
}

/** The state of a session without a stream. */
export const IDLE: StreamState = { status: "idle", attempt: 0, role: "owner" };
/** The number of chunks that are created at a time. Short-lived chunks cost the garbage collector nothing. */
const PART = 256;
const ACTIVE: readonly StreamStatus[] = ["connecting", "streaming", "stalled", "reconnecting"];

export class Channel {
  readonly sessionId: string;
  readonly #history = new History();
  readonly #transcript = new Transcript();
  readonly #subscriptions = new Set<Subscription>();
  readonly #watchers = new Callbacks<[]>();
  readonly #iterators = new Set<ChunkIterator>();
  #state = IDLE;
  /** Whether a stream has begun whose end was not reported yet. */
  #isRunning = false;
  #snapshot: StreamSnapshot | undefined;
  /** A counter that changes when chunks that are being delivered become void: after a detach, a stop or a new stream. */
  #generation = 0;

  constructor(sessionId: string) {
    this.sessionId = sessionId;
  }

  get status(): StreamStatus {
    return this.#state.status;
  }

  get isStreaming(): boolean {
    return ACTIVE.includes(this.#state.status);
  }

  /** Whether there is a listener. */
  get isHeard(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** Whether the app uses the session: by a listener, a watcher or an iterator. */
  get isWatched(): boolean {
    return this.isHeard || !this.#watchers.isEmpty || this.#iterators.size > 0;
  }

  snapshot(): StreamSnapshot {
    this.#snapshot ??= this.#takeSnapshot();
    return this.#snapshot;
  }

  /** Takes over the state that the core reports. Returns whether the status has changed. */
  update(state: StreamState): boolean {
    const before = this.#state;
    const isSameError = before.error?.code === state.error?.code && before.error?.message === state.error?.message;
    this.#state = before.error && isSameError ? { ...state, error: before.error } : state;
    // There was no stream to resume, or it was detached.
    if (state.status === "idle") this.#isRunning = false;
    this.#snapshot = undefined;
    return before.status !== state.status;
  }

  /** Begins a stream, and drops everything of the one before. */
  begin(): void {
    this.interrupt();
    this.#forget();
    this.#snapshot = undefined;
    this.#isRunning = true;
  }

  /** Ends the iterators of the current stream. Without one they wait for the next. */
  finish(outcome: StreamOutcome): void {
    if (this.#isRunning) this.#endIterators(outcome);
    this.#isRunning = false;
  }

  /** Ends all iterators, because no stream will follow. */
  close(outcome: StreamOutcome): void {
    this.interrupt();
    this.#endIterators(outcome);
  }

  #endIterators(outcome: StreamOutcome): void {
    for (const iterator of [...this.#iterators]) iterator.end(outcome);
  }

  /** Drops the snapshot and the history. */
  clear(): void {
    this.interrupt();
    this.#forget();
    this.update(IDLE);
  }

  #forget(): void {
    this.#history.clear();
    this.#transcript.reset();
  }

  /** Makes the chunks that are being delivered void. */
  interrupt(): void {
    this.#generation++;
  }

  subscribe(listener: StreamListener): Subscription {
    const subscription: Subscription = { listener, isOpen: true };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Creates the subscription of a listener that receives nothing before `replay`, and then only what comes after an event. */
  subscribeLate(listener: StreamListener, after?: string): Subscription {
    return { listener, isOpen: true, after };
  }

  unsubscribe(subscription: Subscription): void {
    subscription.isOpen = false;
    this.#subscriptions.delete(subscription);
    subscription.release?.();
  }

  /**
   * Iterates over the chunks of the running stream, or of the next one. With `replay` the subscription receives nothing before
   * `replay` is called with it. `leave` is called when the iterator is closed.
   */
  iterate(replay: boolean, leave: () => void): { iterator: ChunkIterator; late: Subscription | undefined } {
    const isLate = replay && this.#isRunning;
    const listener = (chunk: StreamChunk): void => iterator.take(chunk);
    const subscription = isLate ? this.subscribeLate(listener) : this.subscribe(listener);
    const iterator = new ChunkIterator(() => {
      this.unsubscribe(subscription);
      this.#iterators.delete(iterator);
      leave();
    });
    this.#iterators.add(iterator);
    return { iterator, late: isLate ? subscription : undefined };
  }

  /** Returns the current subscriptions. */
  subscriptions(): Subscription[] {
    return [...this.#subscriptions];
  }

  /** Calls `callback` when the snapshot has changed. */
  watch(callback: () => void): () => void {
    return this.#watchers.add(callback);
  }

  /** Calls the watchers of the snapshot. */
  notify(): void {
    this.#watchers.call();
  }

  /** Keeps chunks, reports malformed frames, and delivers the chunks to all listeners. */
  deliver(batch: Batch, onMalformed?: (frame: MalformedFrame) => void): void {
    if (hasReset(batch)) this.#forget();
    this.#history.add(batch);
    this.#transcript.add(batch);
    this.#snapshot = undefined;
    if (this.#history.isFull) {
      this.#history.merge();
      this.#transcript.absorb();
    }
    const generation = this.#generation;
    if (onMalformed) this.#tellMalformed(batch, onMalformed, generation);
    const subscriptions = generation === this.#generation ? this.subscriptions() : [];
    if (subscriptions.length === 0) return;
    const reader = new ChunkReader(batch);
    const [only] = subscriptions;
    // A single listener is the usual case. Nothing else shares the objects, so that each is delivered as it is created.
    if (only && subscriptions.length === 1 && typeof only.listener === "function" && only.after === undefined) {
      return handEach(only.listener, () => reader.next(), () => only.isOpen && generation === this.#generation);
    }
    const part = subscriptions.some(wantsBatches) ? Infinity : PART;
    for (let chunks = reader.take(part); chunks.length > 0; chunks = reader.take(part)) this.#give(subscriptions, chunks, generation);
  }

  /** Delivers the chunks so far to a late listener, and subscribes it. */
  replay(subscription: Subscription): void {
    if (!subscription.isOpen) return;
    this.#subscriptions.add(subscription);
    const { after } = subscription;
    const chunks = after === undefined ? this.#history.chunks() : this.#history.after(after);
    this.#give([subscription], chunks, this.#generation);
  }

  /** Reports a status to those of the listeners that are still subscribed. */
  tellStatus(subscriptions: readonly Subscription[], status: StreamStatus): void {
    for (const { listener, isOpen } of subscriptions) {
      if (isOpen && typeof listener === "object") guard(() => listener.onStatus?.(status));
    }
  }

  #tellMalformed(batch: Batch, onMalformed: (frame: MalformedFrame) => void, generation: number): void {
    for (const frame of malformedOf(batch)) if (generation === this.#generation) guard(() => onMalformed(frame));
  }

  /** @param generation the generation that the chunks belong to */
  #give(subscriptions: Subscription[], chunks: readonly StreamChunk[], generation: number): void {
    for (const subscription of subscriptions) {
      const unknown = subscription.after === undefined ? chunks : unknownTo(subscription, chunks);
      hand(subscription.listener, unknown, () => subscription.isOpen && generation === this.#generation);
    }
  }

  #takeSnapshot(): StreamSnapshot {
    const { message, usage } = this.#transcript;
    return { sessionId: this.sessionId, ...this.#state, message, ...(usage && { usage }) };
  }
}

function wantsBatches({ listener }: Subscription): boolean {
  return typeof listener === "object" && listener.onBatch !== undefined;
}

/** Leaves out the chunks that a listener has received already. After a reset all chunks are new. */
function unknownTo(subscription: Subscription, chunks: readonly StreamChunk[]): readonly StreamChunk[] {
  const after = subscription.after ?? "";
  const first = chunks.findIndex(({ type, eventId }) => type === "stream_reset" || (eventId !== undefined && isAfter(eventId, after)));
  if (first < 0) return chunks.some(({ eventId }) => eventId !== undefined) ? [] : chunks;
  subscription.after = undefined;
  return chunks.slice(first);
}

/** Delivers chunks to a listener in its own shape. Each call may end the subscription, which `wants` reports. */
function hand(listener: StreamListener, chunks: readonly StreamChunk[], wants: () => boolean): void {
  if (typeof listener === "function") {
    handAll(listener, chunks, wants);
  } else {
    for (const run of runs(chunks)) handRun(listener, run, wants);
  }
}

function handAll(listener: (chunk: StreamChunk) => void, chunks: readonly StreamChunk[], wants: () => boolean): void {
  let at = 0;
  handEach(listener, () => chunks[at++], wants);
}

/** Delivers chunks one by one, with one `guard` for all of them unless one throws. This is the hot path. */
function handEach(listener: (chunk: StreamChunk) => void, next: () => StreamChunk | undefined, wants: () => boolean): void {
  let isDone = false;
  const handRest = (): void => {
    for (let chunk = next(); chunk && wants(); chunk = next()) listener(chunk);
    isDone = true;
  };
  while (!isDone) guard(handRest);
}

function handRun(listener: StreamListenerObject, run: readonly StreamChunk[], wants: () => boolean): void {
  if (run[0]?.type === "stream_reset") {
    if (wants()) guard(() => listener.onReset?.());
    return;
  }
  if (listener.onChunk) handAll((chunk) => listener.onChunk?.(chunk), run, wants);
  if (listener.onBatch && wants()) guard(() => listener.onBatch?.(run));
}

/** Splits chunks at resets, each of which is a run by itself. */
function runs(chunks: readonly StreamChunk[]): Array<readonly StreamChunk[]> {
  if (!chunks.some((chunk) => chunk.type === "stream_reset")) return chunks.length > 0 ? [chunks] : [];
  const cut: StreamChunk[][] = [];
  for (const chunk of chunks) {
    const last = cut.at(-1);
    if (!last || chunk.type === "stream_reset" || last[0]?.type === "stream_reset") cut.push([chunk]);
    else last.push(chunk);
  }
  return cut;
}
