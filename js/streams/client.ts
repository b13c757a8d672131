/**
 * `createChatStreams`: the app's calls on one side, the core (behind `Engine`) on the other.
 *
 * The core decides; here its decisions become promises, callbacks and snapshots. Functions of the app are called from
 * `CallQueue` and `Delivery` only, outside every call into WebAssembly, so they may call any method.
 */

import { Engine } from "../../pkg/rejoin.js";
import {
  checkFunction, checkId, checkListener, checkOptionalText, checkOptions, checkRequest, checkTask,
} from "./arguments.js";
import { bound } from "./bound.js";
import { Callbacks } from "./callbacks.js";
import { Channel, IDLE } from "./session/channel.js";
import { mergeMessages } from "../compat/merge.js";
import { Delivery } from "./delivery.js";
import { RejoinError, toRejoinError } from "../types/errors.js";
import { collect, pump } from "./pump.js";
import { CallQueue } from "./queue.js";
import { toError, toOutcome, toSession, toState } from "./records.js";
import { authorOf, readTurn, sendRecord, triggerOf } from "./request.js";
import { heed, heedListener, isAborted } from "./session/signal.js";
import { guard } from "../types/report.js";
import { MERGE } from "../types/merge-key.js";
import type { Merge } from "../types/merge-key.js";
import { textAt, wordsAt } from "../loader/memory.js";
import { init, isInitialised } from "../loader/wasm.js";
import type { ErrorRecord, Notice } from "../loader/generated.js";
import type { Batch } from "../chunks/batch.js";
import type { StreamState, Subscription } from "./session/channel.js";
import type { ChunkIterator } from "./session/iterator.js";
import type {
  ActiveTask, ChatStreams, ChatStreamsOptions, LoadedSession, SentTurn, StreamChunk, StreamListener, StreamMetrics, StreamOutcome, StreamRequest, StreamSnapshot,
  StreamStatus,
} from "../types/index.js";

/** Makes a client. In a browser it starts `init` by itself; on a server it does nothing until one of its methods is called. */
export function createChatStreams(options: ChatStreamsOptions = {}): ChatStreams {
  const client = bound(new Client(options));
  // `Symbol.dispose` is missing in engines of the baseline.
  const { dispose } = Symbol as { dispose?: symbol };
  return dispose ? Object.defineProperty(client, dispose, { value: client.close, configurable: true }) : client;
}

/** A call of the app that waits for its outcome. */
interface Call {
  readonly session: string;
  readonly resolve: (outcome: StreamOutcome | null) => void;
  readonly listener: StreamListener | undefined;
  /** The subscription of its listener, once there is one. */
  subscription?: Subscription;
  /** Stops watching the signal of its listener. */
  readonly release: () => void;
}

/** Work that waits until the core is loaded. */
interface Job {
  readonly session: string;
  readonly run: (engine: Engine) => void;
  /** The call that waits for it. The numbers of calls begin with 1. */
  readonly call?: number;
  /** The status that its session shows while it waits. */
  readonly shows?: "connecting" | "idle";
}

/** The number of ended sessions that are kept although nothing watches them. */
const MOST_AT_REST = 50;

const NO_METRICS: StreamMetrics = {
  bytes: 0, events: 0, chunks: 0, duplicates: 0, malformed: 0, unknown: 0, reconnects: 0, resets: 0,
  droppedRecords: 0,
};

class Client implements ChatStreams {
  readonly #options: ChatStreamsOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #calls = new Map<number | undefined, Call>();
  readonly #completions = new Callbacks<[sessionId: string, outcome: StreamOutcome]>();
  readonly #turns = new Callbacks<[sessionId: string, turn: SentTurn]>();
  readonly #taskWatchers = new Callbacks<[]>();
  readonly #queue = new CallQueue();
  /** Channels whose watchers are about to be notified. */
  readonly #touched = new Set<Channel>();
  /** Channels that show `connecting` because the core is still being loaded. */
  readonly #expecting = new Set<Channel>();
  #areTasksTouched = false;
  readonly #delivery: Delivery;
  #engine: Engine | undefined;
  #jobs: Job[] = [];
  #opening: Promise<void> | undefined;
  #lastCall = 0;
  #isClosed = false;

  constructor(options: ChatStreamsOptions) {
    checkOptions(options);
    this.#options = options;
    this.#delivery = new Delivery(options.delivery ?? "frame", (session, flood) => this.#deliver(session, flood));
    if (isInitialised()) this.#makeEngine();
    else if (typeof window === "object") this.#open();
  }

  /** For the parts of the package that hold no WebAssembly. */
  get [MERGE](): Merge {
    return mergeMessages;
  }

  get ready(): Promise<void> {
    return this.#open();
  }

  // ---- streams ----

  startStream(sessionId: string, request: string | StreamRequest, listener?: StreamListener): Promise<StreamOutcome> {
    return this.#call(sessionId, listener, () => {
      checkRequest(request);
      const send: StreamRequest = typeof request === "string" ? { message: request } : request;
      const record = sendRecord(send);
      return (engine, call) => engine.start(sessionId, call, authorOf(send), triggerOf(send), record);
    }) as Promise<StreamOutcome>;
  }

  reconnectToTask(sessionId: string, taskId: string, lastMessageId?: string, listener?: StreamListener): Promise<StreamOutcome> {
    return this.#call(sessionId, listener, () => {
      checkId("taskId", taskId);
      checkOptionalText("lastMessageId", lastMessageId);
      const after = lastMessageId || undefined;
      return (engine, call) => {
        if (!engine.rejoin(sessionId, call, taskId, after)) this.#refuse(call, invalidCursor());
        else this.#joinLive(call, after);
      };
    }) as Promise<StreamOutcome>;
  }

  resumeSession(sessionId: string, listener?: StreamListener): Promise<StreamOutcome | null> {
    return this.#call(sessionId, listener, () => (engine, call) => {
      engine.resume(sessionId, call);
      this.#joinLive(call);
    });
  }

  async stopStream(sessionId: string): Promise<void> {
    await this.#call(sessionId, undefined, () => (engine, call) => {
      this.#release(sessionId);
      engine.stop(sessionId, call);
    }, "idle");
  }

  detachStream(sessionId: string): void {
    checkId("sessionId", sessionId);
    this.#abandonJobs((job) => job.session === sessionId);
    if (!this.#engine) return;
    this.#release(sessionId);
    this.#engine.detach(sessionId);
    this.#channel(sessionId).finish({ kind: "superseded" });
    this.#queue.runNow(sessionId);
  }

  forget(sessionId: string): void {
    checkId("sessionId", sessionId);
    this.detachStream(sessionId);
    const channel = this.#channels.get(sessionId);
    // The core keeps what the listeners have received, so that they do not receive it twice.
    if (!channel?.isHeard) this.#engine?.forget(sessionId);
    this.#queue.runNow(sessionId);
    channel?.clear();
    if (channel?.isWatched) this.#touch(channel);
    else this.#channels.delete(sessionId);
  }

  subscribeToStream(sessionId: string, listener: StreamListener, options: { replay?: boolean } = {}): () => void {
    checkId("sessionId", sessionId);
    checkListener(listener);
    if (!listener) checkFunction("listener", listener);
    if (this.#isClosed || isAborted(listener)) return () => {};
    const channel = this.#channel(sessionId);
    const subscription = options.replay ? channel.subscribeLate(listener) : channel.subscribe(listener);
    subscription.release = heedListener(listener, () => {
      channel.unsubscribe(subscription);
      this.#letGo(sessionId);
    });
    if (options.replay) this.#queue.add(sessionId, () => channel.replay(subscription));
    return () => channel.unsubscribe(subscription);
  }

  chunks(sessionId: string, options: { replay?: boolean; signal?: AbortSignal } = {}): AsyncIterable<StreamChunk> {
    checkId("sessionId", sessionId);
    if (this.#isClosed) throw closed();
    return { [Symbol.asyncIterator]: () => this.#iterate(sessionId, options) };
  }

  // ---- snapshots ----

  getStreamStatus(sessionId: string): StreamStatus {
    return this.getSnapshot(sessionId).status;
  }

  isStreaming(sessionId: string): boolean {
    checkId("sessionId", sessionId);
    return this.#channel(sessionId).isStreaming;
  }

  getSnapshot(sessionId: string): StreamSnapshot {
    checkId("sessionId", sessionId);
    return this.#channel(sessionId).snapshot();
  }

  onSnapshot(sessionId: string, callback: () => void): () => void {
    checkId("sessionId", sessionId);
    // The channel checks it too, but a wrong call must not make one.
    checkFunction("callback", callback);
    return this.#channel(sessionId).watch(callback);
  }

  onStreamComplete(callback: (sessionId: string, outcome: StreamOutcome) => void): () => void {
    return this.#completions.add(callback);
  }

  onTurn(callback: (sessionId: string, turn: SentTurn) => void): () => void {
    return this.#turns.add(callback);
  }

  getMetrics(sessionId?: string): StreamMetrics {
    if (sessionId !== undefined) checkId("sessionId", sessionId);
    return this.#engine?.metrics(sessionId) ?? { ...NO_METRICS };
  }

  // ---- the session ----

  async loadSession(sessionId: string, options: { signal?: AbortSignal } = {}): Promise<LoadedSession> {
    checkId("sessionId", sessionId);
    const { signal } = options;
    await this.#open();
    signal?.throwIfAborted();
    if (!this.#engine || this.#isClosed) throw closed();
    try {
      return toSession(await this.#engine.load(sessionId, signal));
    } catch (error) {
      signal?.throwIfAborted();
      if (this.#isClosed) throw closed();
      throw error instanceof RejoinError ? error : toError(error as ErrorRecord);
    }
  }

  // ---- saved tasks ----

  setActiveTask(sessionId: string, task: Partial<ActiveTask> & Pick<ActiveTask, "taskId">): void {
    checkId("sessionId", sessionId);
    checkTask(task);
    const { taskId, operationId = "", toolName = "", lastMessageId = "", startedAt } = task;
    const record = { taskId, sessionId, operationId, toolName, lastMessageId, startedAt: time(startedAt ?? Date.now()) };
    this.#whenReady({ session: sessionId, run: (engine) => void engine.setActiveTask(record) });
  }

  getActiveTask(sessionId: string): ActiveTask | null {
    checkId("sessionId", sessionId);
    return this.#engine?.activeTask(sessionId) ?? null;
  }

  listActiveTasks(): ActiveTask[] {
    return this.#engine?.activeTasks() ?? [];
  }

  onActiveTasks(callback: () => void): () => void {
    return this.#taskWatchers.add(callback);
  }

  clearActiveTask(sessionId: string): void {
    checkId("sessionId", sessionId);
    this.#whenReady({ session: sessionId, run: (engine) => engine.clearActiveTask(sessionId) });
  }

  updateTaskLastMessageId(sessionId: string, id: string): void {
    checkId("sessionId", sessionId);
    checkId("lastMessageId", id);
    this.#whenReady({ session: sessionId, run: (engine) => void engine.updateCursor(sessionId, id) });
  }

  // ---- the end ----

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#delivery.close();
    this.#queue.clear();
    for (const channel of this.#channels.values()) channel.close({ kind: "superseded" });
    this.#engine?.close();
    this.#abandonJobs(() => true);
  }

  // ---- loading the core ----

  #open(): Promise<void> {
    this.#opening ??= this.#start();
    // Every waiting call learns of a failure. Without a waiting call the failure must not become an unhandled rejection.
    this.#opening.catch(() => {});
    return this.#opening;
  }

  async #start(): Promise<void> {
    try {
      await init();
      this.#makeEngine();
    } catch (error) {
      this.#opening = undefined;
      this.#giveUpCalls(toRejoinError(error, "INIT_FAILED"));
      throw error;
    }
  }

  #makeEngine(): void {
    if (this.#isClosed || this.#engine) return;
    const engine: Engine = new Engine(this.#options, {
      notify: (notices) => notices.forEach((notice) => this.#handle(notice)),
      deliver: (session, urgency) => this.#delivery.add(session, urgency),
      pump: (attempt, body) => pump(body, (bytes) => engine.take(attempt, bytes)),
      collect,
      call: later,
    });
    this.#engine = engine;
    engine.begin();
    for (const session of this.#channels.keys()) engine.watch(session);
    for (const { run } of this.#jobs.splice(0)) run(engine);
    engine.run();
    this.#expectNothing(IDLE);
  }

  /** Sets the state of the channels that waited for the core, now that it is loaded or cannot be loaded. */
  #expectNothing(state: StreamState): void {
    for (const channel of [...this.#expecting]) this.#handleChanged(channel, state);
  }

  /** Runs a job now, or in order once the core is loaded. */
  #whenReady(job: Job): void {
    if (this.#isClosed) return;
    if (!this.#engine) {
      this.#jobs.push(job);
      if (job.shows === "connecting") this.#expect(this.#channel(job.session));
      void this.#open();
      return;
    }
    job.run(this.#engine);
  }

  #expect(channel: Channel): void {
    this.#handleChanged(channel, { ...IDLE, status: "connecting" });
    this.#expecting.add(channel);
  }

  /** Fails the calls because the core could not be loaded. Changes of saved tasks wait for the next attempt. */
  #giveUpCalls(error: RejoinError): void {
    const jobs = this.#jobs.splice(0);
    this.#jobs = jobs.filter((job) => !job.call);
    this.#expectNothing({ ...IDLE, status: "error", error });
    for (const { call } of jobs) this.#refuse(call, error);
  }

  /** Drops jobs that the app has abandoned before they began. */
  #abandonJobs(which: (job: Job) => boolean): void {
    const abandoned = this.#jobs.filter((job) => job.call && which(job));
    this.#jobs = this.#jobs.filter((job) => !abandoned.includes(job));
    for (const { call } of abandoned) this.#settle(call, { kind: "superseded" });
    const isAwaited = ({ sessionId }: Channel): boolean => this.#jobs.some((job) => job.shows === "connecting" && job.session === sessionId);
    for (const channel of [...this.#expecting]) if (!isAwaited(channel)) this.#handleChanged(channel, IDLE);
  }

  // ---- calls ----

  /** Creates the promise of a call. `prepare` checks the arguments and returns the function that passes the call to the core. */
  #call(
    session: string,
    listener: StreamListener | undefined,
    prepare: () => (engine: Engine, call: number) => void,
    shows: "connecting" | "idle" = "connecting",
  ): Promise<StreamOutcome | null> {
    return new Promise((resolve) => {
      checkId("sessionId", session);
      checkListener(listener);
      const run = prepare();
      if (this.#isClosed) throw closed();
      if (isAborted(listener)) return resolve({ kind: "superseded" });
      const call = ++this.#lastCall;
      const release = heedListener(listener, () => this.#leave(call));
      this.#calls.set(call, { session, resolve, listener, release });
      this.#whenReady({ session, run: (engine) => run(engine, call), call, shows });
    });
  }

  /** Ends a call that the app no longer waits for. */
  #leave(id: number): void {
    const call = this.#calls.get(id);
    if (!call) return;
    const { taskId } = this.#channel(call.session).snapshot();
    this.#settle(id, { kind: "superseded", ...(taskId !== undefined && { taskId }) });
    this.#abandonJobs((job) => job.call === id);
    this.#letGo(call.session);
  }

  /** Detaches a stream that has lost its last listener and that no call waits for. */
  #letGo(session: string): void {
    const isAwaited = [...this.#calls.values()].some((call) => call.session === session);
    if (!isAwaited && !this.#channel(session).isHeard) this.detachStream(session);
  }

  #iterate(session: string, { replay, signal }: { replay?: boolean; signal?: AbortSignal }): ChunkIterator {
    const channel = this.#channel(session);
    const { iterator, late } = channel.iterate(replay === true, () => release());
    const release = heed(signal, () => iterator.end());
    if (late) this.#queue.add(session, () => channel.replay(late));
    if (signal?.aborted) iterator.end();
    else if (this.#isClosed) iterator.end({ kind: "superseded" });
    return iterator;
  }

  /** Replays a running stream to the listener of a call that has joined it, from the event `after` on. */
  #joinLive(id: number, after?: string): void {
    const call = this.#calls.get(id);
    if (!call?.listener || call.subscription) return;
    const channel = this.#channel(call.session);
    const subscription = channel.subscribeLate(call.listener, after);
    call.subscription = subscription;
    this.#queue.add(call.session, () => channel.replay(subscription));
  }

  /** Subscribes the listeners of waiting calls to a stream that begins, so that they receive its first chunk. */
  #attachListeners(channel: Channel): void {
    for (const call of this.#calls.values()) {
      if (call.session !== channel.sessionId || !call.listener || call.subscription) continue;
      call.subscription = channel.subscribe(call.listener);
    }
  }

  #refuse(call: number | undefined, error: RejoinError): void {
    this.#settle(call, { kind: "failed", error });
  }

  #settle(id: number | undefined, outcome: StreamOutcome | null): void {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    call.release();
    if (call.subscription) this.#channel(call.session).unsubscribe(call.subscription);
    call.resolve(outcome);
  }

  /** Drops the chunks of a stream that are being delivered or wait for a frame. */
  #release(session: string): void {
    this.#channel(session).interrupt();
    this.#delivery.drop(session);
  }

  // ---- notices of the core ----

  /** Handles a notice. It only queues functions of the app, because it runs within a call into the core. */
  #handle(notice: Notice): void {
    switch (notice.kind) {
      case "began":
        return this.#handleBegan(this.#channel(notice.session));
      case "changed":
        return this.#handleChanged(this.#channel(notice.session), toState(notice.state));
      case "turn":
        return this.#handleTurn(notice.session, readTurn(notice.turn, notice.from));
      case "tasks":
        return this.#touchTasks();
      case "resolve":
        return this.#handleResolve(notice);
      case "ended":
        return this.#handleEnded(notice.session, toOutcome(notice.outcome));
    }
  }

  /** Moves the channel to the end of the order in which sessions are evicted. */
  #handleBegan(channel: Channel): void {
    this.#channels.delete(channel.sessionId);
    this.#channels.set(channel.sessionId, channel);
    channel.begin();
    this.#attachListeners(channel);
  }

  #handleChanged(channel: Channel, state: StreamState): void {
    this.#expecting.delete(channel);
    const isNew = channel.update(state);
    if (this.#isClosed) return;
    const { status } = channel;
    const listeners = isNew ? channel.subscriptions() : [];
    this.#queue.add(channel.sessionId, () => channel.tellStatus(listeners, status));
    this.#touch(channel);
  }

  /** Resolves promises, whatever else happens. Chunks that wait for their listeners are delivered before. */
  #handleResolve({ calls, outcome }: Notice & { kind: "resolve" }): void {
    const result = outcome ? toOutcome(outcome) : null;
    for (const id of calls) {
      const call = this.#calls.get(id);
      // Another stream of the session takes its place.
      if (call && result?.kind === "superseded") this.#channel(call.session).finish(result);
      if (this.#isClosed) this.#settle(id, result);
      else this.#queue.add(this.#calls.get(id)?.session, () => this.#settle(id, result));
    }
  }

  #handleTurn(session: string, turn: SentTurn | undefined): void {
    if (!turn || this.#isClosed) return;
    this.#queue.add(session, () => this.#turns.call(session, turn));
  }

  #handleEnded(session: string, outcome: StreamOutcome): void {
    if (this.#isClosed) return;
    this.#queue.add(session, () => {
      this.#channel(session).finish(outcome);
      this.#completions.call(session, outcome);
      this.#evict();
    });
  }

  /**
   * Delivers the rows of a session that are due, unless `flood` bytes of them wait. This takes two calls into the core, whatever
   * the number of chunks. Returns the number of bytes that were left waiting.
   */
  #deliver(session: string, flood: number): number {
    const engine = this.#engine;
    if (!engine) return 0;
    const { batch, waiting } = dueAt(engine.takeDue(session, flood));
    if (!batch) return waiting;
    const channel = this.#channel(session);
    // Rows that could not be delivered are confirmed, too, because the stream would wait for them for ever.
    guard(() => channel.deliver(batch, this.#options.onMalformed?.bind(this.#options)));
    if (this.#isClosed) return 0;
    this.#touch(channel);
    engine.delivered(session);
    return 0;
  }

  /** Notifies the watchers of a snapshot once, however much changes until then. */
  #touch(channel: Channel): void {
    if (this.#touched.has(channel)) return;
    this.#touched.add(channel);
    this.#queue.add(channel.sessionId, () => {
      this.#touched.delete(channel);
      channel.notify();
    });
  }

  /** Notifies the watchers of the saved tasks once, however much changes until then. */
  #touchTasks(): void {
    if (this.#areTasksTouched || this.#isClosed) return;
    this.#areTasksTouched = true;
    this.#queue.add(undefined, () => {
      this.#areTasksTouched = false;
      this.#taskWatchers.call();
    });
  }

  /** Forgets all but the newest of the ended sessions that nothing watches. */
  #evict(): void {
    const awaited = new Set([...this.#calls.values()].map(({ session }) => session));
    const atRest = [...this.#channels.values()].filter(
      (channel) => !channel.isStreaming && !channel.isWatched && !this.#touched.has(channel) && !awaited.has(channel.sessionId),
    );
    for (const { sessionId } of atRest.slice(0, -MOST_AT_REST)) this.forget(sessionId);
  }

  #channel(session: string): Channel {
    let channel = this.#channels.get(session);
    if (!channel) {
      this.#channels.set(session, (channel = new Channel(session)));
      this.#engine?.watch(session);
      if (this.#channels.size > MOST_AT_REST) this.#queue.add(undefined, () => this.#evict());
    }
    return channel;
  }
}

/** Reads the result of `takeDue`, which is `Due` in src/bindings/client.rs. */
function dueAt(address: number): { batch?: Batch; waiting: number } {
  const [words, count, text, length, names, namesLength, others, waiting] = wordsAt(address, 8) as unknown as [number, number, number, number, number, number, number, number];
  if (count === 0) return { waiting };
  return { batch: { words: wordsAt(words, count).slice(), text: textAt(text, length), names: textAt(names, namesLength), others }, waiting };
}

/** Calls a function of the app once the present call into the core has returned. */
async function later(run: (...given: any[]) => unknown, ...given: unknown[]): Promise<unknown> {
  await undefined;
  return run(...given);
}

/** Returns whole milliseconds, the unit in which the core counts. */
function time(given: unknown): number {
  return Math.trunc(Math.max(0, Number(given))) || 0;
}

function closed(): RejoinError {
  return new RejoinError("CLOSED", "This client is closed.");
}

function invalidCursor(): RejoinError {
  return new RejoinError("INVALID_CURSOR", "lastMessageId should be an event id, such as \"1700000000000-0\".");
}
