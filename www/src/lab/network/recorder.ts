// Records what happens on the network for the timeline: one trace for each answer and reader.
import { Store } from "../../store";

/** The reader: `rejoin`, or the plain reader that it is compared with. */
export type Side = "rejoin" | "peer";

/** `status N`: the backend refused with it. `refused`: there was no network. */
export type End = "ended" | "closed" | "cut" | "cut-short" | "refused" | `status ${number}`;

/** One HTTP request for a stream. Times are ms since the epoch. */
export interface Connection {
  readonly number: number;
  readonly kind: "send" | "rejoin";
  /** The id after which the backend was asked to go on; null: from the start. */
  readonly cursor: string | null;
  readonly openedAt: number;
  firstByteAt: number | null;
  bytes: number;
  closedAt: number | null;
  end: End | null;
}

export type MarkKind = "dropped" | "garbage" | "silent" | "reset" | "owner" | "follower" | "restart" | "over";

export interface Mark {
  readonly at: number;
  readonly kind: MarkKind;
  readonly text: string;
}

/** Chunks that were given to the app within `BIN_MS` from `at` on. */
export interface Bin {
  readonly at: number;
  chunks: number;
}

export const BIN_MS = 100;

/** The time in ms by which traces may lag behind, so that many chunks do not cause many renderings. */
const LAG_MS = 100;

/** The connections and chunks through which one reader received one answer. */
export class Trace {
  readonly connections: Connection[] = [];
  readonly marks: Mark[] = [];
  readonly bins: Bin[] = [];
  /** The id of the last event that was delivered. */
  cursor: string | null = null;
  /** ms from each loss of the connection to the next chunk. */
  readonly away: number[] = [];
  #lostAt: number | null = null;

  chunks(count: number, at = Date.now()): void {
    if (count === 0) return;
    if (this.#lostAt !== null) this.away.push(at - this.#lostAt);
    this.#lostAt = null;
    const last = this.bins.at(-1);
    if (last && at - last.at < BIN_MS) last.chunks += count;
    else this.bins.push({ at, chunks: count });
  }

  mark(kind: MarkKind, text: string, at = Date.now()): void {
    this.marks.push({ kind, text, at });
  }

  lost(at = Date.now()): void {
    this.#lostAt ??= at;
  }

  /** Returns the times of the first and the last entry, or null if there is none. */
  span(): readonly [number, number] | null {
    const times = [
      ...this.connections.flatMap(({ openedAt, closedAt }) => [openedAt, closedAt ?? openedAt]),
      ...this.bins.map(({ at }) => at + BIN_MS),
      ...this.marks.map(({ at }) => at),
    ];
    return times.length === 0 ? null : [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
  }
}

/** The callbacks for a request of a stream. */
export interface Probe {
  answered(response: Response): void;
  bytes(count: number): void;
  end(how: End): void;
}

const SEND = /\/sessions\/([^/?]+)\/stream/;
const REJOIN = /\/tasks\/([^/?]+)\/stream/;

export class Recorder {
  /** Counts up when a trace has changed. */
  readonly version = new Store(0);
  readonly #traces = new Map<string, Trace>();
  readonly #sessions = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connections = 0;

  /** @param sessionOf Finds the session of a task that was begun before this page was loaded. */
  constructor(private readonly sessionOf: (taskId: string) => string | undefined = () => undefined) {}

  /** The trace of the last answer in this session. */
  trace(side: Side, sessionId: string): Trace {
    const key = `${side} ${sessionId}`;
    const known = this.#traces.get(key);
    if (known) return known;
    const made = new Trace();
    this.#traces.set(key, made);
    return made;
  }

  /** Begins the trace of a new answer. */
  begin(side: Side, sessionId: string): Trace {
    this.#traces.delete(`${side} ${sessionId}`);
    this.changed();
    return this.trace(side, sessionId);
  }

  /** Records an event of the connection that is open. */
  note(kind: MarkKind, text: string): void {
    for (const trace of this.#traces.values()) {
      if (trace.connections.some(({ closedAt }) => closedAt === null)) trace.mark(kind, text);
    }
    this.changed();
  }

  /** Watches a request if it is one for a stream. */
  connection(side: Side, input: RequestInfo | URL, init?: RequestInit): Probe | null {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const method = init?.method ?? (input instanceof Request ? input.method : "GET");
    const place = method === "POST" ? SEND.exec(url.pathname)?.[1] : this.#sessionOfTask(REJOIN.exec(url.pathname)?.[1]);
    if (!place) return null;
    const sessionId = decodeURIComponent(place);
    const trace = this.trace(side, sessionId);
    const connection: Connection = {
      number: (this.#connections += 1),
      kind: method === "POST" ? "send" : "rejoin",
      cursor: url.searchParams.get("last_message_id"),
      openedAt: Date.now(),
      firstByteAt: null,
      bytes: 0,
      closedAt: null,
      end: null,
    };
    trace.connections.push(connection);
    this.changed();
    return this.#probe(connection, trace, sessionId);
  }

  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.version.update((version) => version + 1);
    }, LAG_MS);
  }

  #probe(connection: Connection, trace: Trace, sessionId: string): Probe {
    return {
      answered: (response) => {
        const task = response.headers.get("x-task-id");
        if (task) this.#sessions.set(task, sessionId);
      },
      bytes: (count) => {
        connection.firstByteAt ??= Date.now();
        connection.bytes += count;
        this.changed();
      },
      end: (how) => {
        connection.closedAt ??= Date.now();
        connection.end ??= how;
        if (how !== "closed") trace.lost();
        this.changed();
      },
    };
  }

  #sessionOfTask(task: string | undefined): string | undefined {
    if (!task) return undefined;
    const id = decodeURIComponent(task);
    return this.#sessions.get(id) ?? this.sessionOf(id);
  }
}
