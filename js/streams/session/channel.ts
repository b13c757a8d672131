/** One session as the app sees it: its listeners, its snapshot, what its stream gave so far. */

import { ChunkReader, hasReset, malformedOf } from "../../chunks/batch.js";
import { isAfter } from "../../chunks/cursor.js";
import { History } from "./history.js";
import { ChunkIterator } from "./iterator.js";
import { guard } from "../../types/report.js";
import { Transcript } from "../../message/transcript.js";
import type { Batch } from "../../chunks/batch.js";
import type { StateRecord } from "../../loader/generated.js";
import type { RejoinError } from "../../types/errors.js";
import type { MalformedFrame, StreamChunk, StreamListener, StreamListenerObject, StreamOutcome, StreamSnapshot, StreamStatus } from "../../types/index.js";

/** What the core says of a stream. */
export type StreamState = Omit<StateRecord, "error"> & { error?: RejoinError };

/** A listener while it listens. */
export interface Subscription {
  readonly listener: StreamListener;
  isOpen: boolean;
  /** The event up to which it knows the stream by itself. */
  after?: string | undefined;
  /** Called when it no longer listens. */
  release?: () => void;
}

/** The state of a session without a stream. */
export const IDLE: StreamState = { status: "idle", attempt: 0, role: "owner" };
/** So many chunks are handed out before the next are made: those that nobody keeps cost the collector nothing. */
const PART = 256;
const ACTIVE: readonly StreamStatus[] = ["connecting", "streaming", "stalled", "reconnecting"];

export class Channel {
  readonly sessionId: string;
  readonly #history = new History();
  readonly #transcript = new Transcript();
  readonly #subscriptions = new Set<Subscription>();
  readonly #watchers = new Set<() => void>();
  readonly #iterators = new Set<ChunkIterator>();
  #state = IDLE;
  /** Whether a stream has begun whose end was not reported yet. */
  #isRunning = false;
  #snapshot: StreamSnapshot | undefined;
  /** Counts what makes chunks void that are being handed out: the stream let go, stopped, or begun anew. */
  #generation = 0;

  constructor(sessionId: string) {
    this.sessionId = sessionId;
  }

  get status(): StreamStatus {
    return this.#state.status;
  }

  get isActive(): boolean {
    return ACTIVE.includes(this.#state.status);
  }

  /** Whether a listener listens. */
  get isHeard(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** Whether anything of the app would miss what it shows. */
  get isWatched(): boolean {
    return this.isHeard || this.#watchers.size > 0 || this.#iterators.size > 0;
  }

  snapshot(): StreamSnapshot {
    this.#snapshot ??= this.#takeSnapshot();
    return this.#snapshot;
  }

  /** Takes over what the core says. Gives whether the status is another one. */
  update(state: StreamState): boolean {
    const before = this.#state;
    const isSameError = before.error?.code === state.error?.code && before.error?.message === state.error?.message;
    this.#state = before.error && isSameError ? { ...state, error: before.error } : state;
    if (state.status === "idle") this.#rest();
    this.#snapshot = undefined;
    return before.status !== state.status;
  }

  /** A stream begins: nothing of the one before counts. */
  begin(): void {
    this.interrupt();
    this.#forget();
    this.#snapshot = undefined;
    this.#isRunning = true;
    for (const iterator of this.#iterators) iterator.isReading = true;
  }

  /** No stream runs any more: there was nothing to resume, or it was let go. Who iterates waits for the next one. */
  #rest(): void {
    this.#isRunning = false;
    for (const iterator of this.#iterators) iterator.isReading = false;
  }

  /** Ends the iterators of the stream that was given. */
  finish(outcome: StreamOutcome): void {
    this.#isRunning = false;
    for (const iterator of [...this.#iterators]) if (iterator.isReading) iterator.end(outcome);
  }

  /** Ends all iterators, because no stream will follow. */
  close(outcome: StreamOutcome): void {
    this.interrupt();
    for (const iterator of [...this.#iterators]) iterator.end(outcome);
  }

  /** Lets go of all that it shows and keeps. */
  clear(): void {
    this.interrupt();
    this.#forget();
    this.update(IDLE);
  }

  #forget(): void {
    this.#history.clear();
    this.#transcript.reset();
  }

  /** Chunks that are being handed out go to nobody any more. */
  interrupt(): void {
    this.#generation++;
  }

  subscribe(listener: StreamListener): Subscription {
    const subscription: Subscription = { listener, isOpen: true };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Adds a listener that hears nothing before its `replay`, and then nothing of what it knows by itself. */
  subscribeLate(listener: StreamListener, after?: string): Subscription {
    return { listener, isOpen: true, after };
  }

  unsubscribe(subscription: Subscription): void {
    subscription.isOpen = false;
    this.#subscriptions.delete(subscription);
    subscription.release?.();
  }

  /**
   * Iterates over the chunks of the stream that runs, or else of the next one. With `replay` the subscription hears nothing
   * before its `replay`. `leave` is called when nothing more is wanted.
   */
  iterate(replay: boolean, leave: () => void): { iterator: ChunkIterator; late: Subscription | undefined } {
    const isLate = replay && this.#isRunning;
    const listener = (chunk: StreamChunk): void => iterator.take(chunk);
    const subscription = isLate ? this.subscribeLate(listener) : this.subscribe(listener);
    const iterator = new ChunkIterator(this.#isRunning, () => {
      this.unsubscribe(subscription);
      this.#iterators.delete(iterator);
      leave();
    });
    this.#iterators.add(iterator);
    return { iterator, late: isLate ? subscription : undefined };
  }

  /** Those who listen now. */
  subscriptions(): Subscription[] {
    return [...this.#subscriptions];
  }

  /** Calls `callback` when the snapshot has changed. */
  watch(callback: () => void): () => void {
    const watcher = (): void => callback();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Tells those who watch the snapshot. */
  notify(): void {
    for (const watcher of [...this.#watchers]) if (this.#watchers.has(watcher)) guard(watcher);
  }

  /** Keeps chunks, then tells of the frames that are none, and hands the chunks to everyone who listens. */
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
    // As nearly always: nobody else hears the same objects, so that each is handed out as it is made.
    if (only && subscriptions.length === 1 && typeof only.listener === "function" && only.after === undefined) {
      return handEach(only.listener, () => reader.next(), () => only.isOpen && generation === this.#generation);
    }
    const part = subscriptions.some(wantsBatches) ? Infinity : PART;
    for (let chunks = reader.take(part); chunks.length > 0; chunks = reader.take(part)) this.#give(subscriptions, chunks, generation);
  }

  /** Gives a late listener what the stream gave so far; then it listens like the others. */
  replay(subscription: Subscription): void {
    if (!subscription.isOpen) return;
    this.#subscriptions.add(subscription);
    const { after } = subscription;
    const chunks = after === undefined ? this.#history.chunks() : this.#history.after(after);
    this.#give([subscription], chunks, this.#generation);
  }

  /** Tells those of these listeners that still listen. */
  tellStatus(subscriptions: readonly Subscription[], status: StreamStatus): void {
    for (const { listener, isOpen } of subscriptions) {
      if (isOpen && typeof listener === "object") guard(() => listener.onStatus?.(status));
    }
  }

  #tellMalformed(batch: Batch, onMalformed: (frame: MalformedFrame) => void, generation: number): void {
    for (const frame of malformedOf(batch)) if (generation === this.#generation) guard(() => onMalformed(frame));
  }

  /** `generation`: that to which the chunks belong. */
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

/** Leaves out what a listener knows by itself; a stream that starts over is new to everyone. */
function unknownTo(subscription: Subscription, chunks: readonly StreamChunk[]): readonly StreamChunk[] {
  const after = subscription.after ?? "";
  const first = chunks.findIndex(({ type, eventId }) => type === "stream_reset" || (eventId !== undefined && isAfter(eventId, after)));
  if (first < 0) return chunks.some(({ eventId }) => eventId !== undefined) ? [] : chunks;
  subscription.after = undefined;
  return chunks.slice(first);
}

/** Hands chunks to a listener in its own shape, for as long as it wants them: each call may end that. */
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

/** The hot path: one guard for all of them, unless one throws. `next` gives `undefined` at the end. */
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

/** Cuts chunks at resets, each of which is a run by itself. */
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
