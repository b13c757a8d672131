// The network of this page with the faults of the lab. It has a `fetch` for each of the two readers that are compared, so that what
// happens to one happens to the other. Requests pass untouched until the person asks for a fault.
import { Store } from "../../store";
import { breakable, networkError, type Line, type Throttle } from "./line";
import type { Recorder, Side } from "./recorder";

/** Faults that last until they are taken back. */
export interface Conditions {
  /** The time until which the network seems to be away, in ms since the epoch, or null. */
  readonly offlineUntil: number | null;
  readonly cutEverySecond: boolean;
  readonly slow: boolean;
  /** The backend replays from the start, whatever cursor it is given. */
  readonly forgetful: boolean;
  /** Bytes of an answer after which it is cut, once for each reader; null: not armed. */
  readonly cutAfter: number | null;
}

const CALM: Conditions = { offlineUntil: null, cutEverySecond: false, slow: false, forgetful: false, cutAfter: null };

/** A slow network: about 3 kB/s, with a noticeable delay. */
const SLOW: Throttle = { bytes: 300, everyMs: 100 };
const SLOW_ANSWER_MS = 600;

/** Frames that no backend should send, although some do: an error page, half a frame, an unknown type, bytes that are not text. */
const GARBAGE = [
  "data: <html>502 Bad Gateway</html>\n\n",
  'data: {"type":"text-del\n\n',
  'data: {"delta":"no type"}\n\n',
  'data: {"type":"sparkle","size":7}\n\n',
  "event: nonsense\ndata: null\n\n",
];

export class Network {
  readonly conditions = new Store<Conditions>(CALM);
  readonly #open = new Map<Line, Side>();
  /** Aborts requests whose answer has not begun. */
  readonly #pending = new Set<AbortController>();
  readonly #unspent = new Set<Side>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Whether replays come merged (PROTOCOL §6), as a client that joins anew asks for. */
  compact = true;

  constructor(
    private readonly recorder: Recorder,
    private readonly network: typeof fetch = fetch.bind(globalThis),
  ) {}

  /** The `fetch` of one of the two. */
  for(side: Side): typeof fetch {
    return (input, init) => this.#fetch(side, input, init);
  }

  /** The network without the lab's faults. */
  readonly honest: typeof fetch = (input, init) => this.network(input, init);

  /** Breaks every open answer in the middle, as a dropped Wi-Fi does. */
  cut(): void {
    for (const line of this.#lines()) line.cut();
    for (const request of this.#pending) request.abort(networkError());
  }

  /** Ends every open answer as if it were complete. */
  endEarly(): void {
    for (const line of this.#lines()) line.endEarly();
  }

  /** Keeps every open connection open, and lets nothing more pass. */
  halfOpen(): void {
    for (const line of this.#lines()) line.silence();
    this.recorder.note("silent", "The connection stays open and is silent");
  }

  garbage(): void {
    const bytes = new TextEncoder().encode(GARBAGE.join(""));
    for (const line of this.#lines()) line.inject(bytes);
    this.recorder.note("garbage", `${GARBAGE.length} frames of garbage`);
  }

  /** Arms a cut, for the answers that are open now or else for the next. */
  cutAfter(bytes: number): void {
    this.#change({ cutAfter: bytes });
    this.#unspent.add("rejoin").add("peer");
    for (const [line, side] of this.#open) this.#arm(line, side);
  }

  cutEverySecond(cutEverySecond: boolean): void {
    clearInterval(this.#timer);
    if (cutEverySecond) this.#timer = setInterval(() => this.cut(), 1000);
    this.#change({ cutEverySecond });
  }

  slow(slow: boolean): void {
    this.#change({ slow });
  }

  forgetful(forgetful: boolean): void {
    this.#change({ forgetful });
  }

  /** Breaks every open answer, and refuses new requests for this long. */
  goOffline(ms: number): void {
    if (this.conditions.get().offlineUntil !== null) return;
    this.#change({ offlineUntil: Date.now() + ms });
    pretendOffline();
    this.cut();
    setTimeout(() => {
      this.#change({ offlineUntil: null });
      pretendOnline();
    }, ms);
  }

  #change(part: Partial<Conditions>): void {
    this.conditions.update((known) => ({ ...known, ...part }));
  }

  #lines(): Line[] {
    return [...this.#open.keys()];
  }

  #arm(line: Line, side: Side): void {
    const { cutAfter } = this.conditions.get();
    if (cutAfter === null || !this.#unspent.delete(side)) return;
    line.cutAfter(cutAfter);
    if (this.#unspent.size === 0) this.#change({ cutAfter: null });
  }

  async #fetch(side: Side, input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const connection = this.recorder.connection(side, input, init);
    if (this.conditions.get().offlineUntil !== null) {
      connection?.end("refused");
      throw new TypeError("Failed to fetch");
    }
    const given = new Request(input, init);
    const stop = new AbortController();
    this.#pending.add(stop);
    try {
      if (this.conditions.get().slow) await new Promise((done) => setTimeout(done, SLOW_ANSWER_MS));
      const request = this.#altered(given);
      const response = await this.network(request, { signal: AbortSignal.any([given.signal, stop.signal]) });
      if (!response.body || !isStream(response)) {
        connection?.end(response.ok ? "ended" : `status ${response.status}`);
        return response;
      }
      connection?.answered(response);
      const { body, line } = breakable(response.body, {
        onBytes: (count) => connection?.bytes(count),
        onEnd: (how) => {
          this.#open.delete(line);
          connection?.end(how);
        },
        throttle: () => (this.conditions.get().slow ? SLOW : null),
      });
      this.#open.set(line, side);
      this.#arm(line, side);
      return new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers });
    } catch (error) {
      connection?.end(given.signal.aborted ? "closed" : "refused");
      throw error;
    } finally {
      this.#pending.delete(stop);
    }
  }

  /** Removes the cursor for a backend that ignores cursors, and `compact` for one that does not merge. */
  #altered(request: Request): Request {
    const { forgetful } = this.conditions.get();
    if (request.method !== "GET" || (!forgetful && this.compact)) return request;
    const url = new URL(request.url);
    if (forgetful) url.searchParams.delete("last_message_id");
    if (!this.compact) url.searchParams.delete("compact");
    return new Request(url, request);
  }
}

function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

// Libraries read `navigator.onLine` and listen to the events, so that both have to agree.
function pretendOffline(): void {
  Object.defineProperty(navigator, "onLine", { configurable: true, get: () => false });
  dispatchEvent(new Event("offline"));
}

function pretendOnline(): void {
  Reflect.deleteProperty(navigator, "onLine");
  dispatchEvent(new Event("online"));
}
