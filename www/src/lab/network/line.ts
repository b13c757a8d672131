// Passes the body of one response on until the lab breaks it. The reader sees what it would see of a real fault.

/** What may be done to a body. Everything but `throttle` happens to bytes that have not passed yet. */
export interface Line {
  /** The connection breaks: the reader's next read rejects, as after a reset. */
  cut(): void;
  /** The body ends as if it were complete, as some proxies end it. */
  endEarly(): void;
  /** The connection stays open, and nothing comes any more. */
  silence(): void;
  /** Puts bytes between two events. */
  inject(bytes: Uint8Array): void;
  /** Breaks the connection when so many more bytes have passed. */
  cutAfter(bytes: number): void;
}

export interface LineEvents {
  onBytes(count: number): void;
  onEnd(how: LineEnd): void;
  /** Returns the pace, before each piece. `null` lets bytes pass as they come. */
  throttle(): Throttle | null;
}

/** `ended`: the backend has ended the body. `closed`: the reader has cancelled it. */
export type LineEnd = "ended" | "closed" | "cut" | "cut-short";

export interface Throttle {
  readonly bytes: number;
  readonly everyMs: number;
}

/** Returns the error with which `fetch` and its body reject when the network breaks. */
export const networkError = () => new TypeError("network error");

export function breakable(source: ReadableStream<Uint8Array>, events: LineEvents): { body: ReadableStream<Uint8Array>; line: Line } {
  const reader = source.getReader();
  let control!: ReadableStreamDefaultController<Uint8Array>;
  let state: "open" | "silent" | "over" = "open";
  let rest: Uint8Array = new Uint8Array();
  let garbage: Uint8Array | null = null;
  let budget = Infinity;

  const finish = (how: LineEnd, tell: () => void) => {
    if (state === "over") return;
    state = "over";
    tell();
    if (how !== "ended") reader.cancel().catch(() => {});
    events.onEnd(how);
  };
  const cut = () => finish("cut", () => control.error(networkError()));

  const give = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, budget);
    if (part.length > 0) {
      events.onBytes(part.length);
      control.enqueue(part);
    }
    budget -= part.length;
    if (budget <= 0) cut();
  };

  const pass = async () => {
    if (rest.length === 0) {
      const { done, value } = await reader.read();
      if (state !== "open") return;
      if (done) return finish("ended", () => control.close());
      rest = value;
      if (garbage) [rest, garbage] = spliced(rest, garbage);
    }
    const slow = events.throttle();
    if (slow) await new Promise((done) => setTimeout(done, slow.everyMs));
    if (state !== "open") return;
    const piece = rest.subarray(0, slow?.bytes ?? rest.length);
    rest = rest.subarray(piece.length);
    give(piece);
  };

  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (control = controller),
      async pull() {
        try {
          await pass();
        } catch (error) {
          finish("closed", () => control.error(error));
        }
        // The promise never settles, as for bytes that never come.
        if (state === "silent") await new Promise(() => {});
      },
      cancel: () => finish("closed", () => {}),
    },
    { highWaterMark: 0 },
  );
  return {
    body,
    line: {
      cut,
      endEarly: () => finish("cut-short", () => control.close()),
      silence: () => void (state = state === "open" ? "silent" : state),
      inject: (bytes) => void (garbage = bytes),
      cutAfter: (bytes) => void (budget = bytes),
    },
  };
}

/** Inserts `extra` after the first event that ends in `bytes`. If none does, it waits for the next bytes. */
function spliced(bytes: Uint8Array, extra: Uint8Array): [Uint8Array, Uint8Array | null] {
  const place = bytes.findIndex((byte, at) => byte === 10 && bytes[at + 1] === 10) + 2;
  if (place < 2) return [bytes, extra];
  const joined = new Uint8Array(bytes.length + extra.length);
  joined.set(bytes.subarray(0, place));
  joined.set(extra, place);
  joined.set(bytes.subarray(place), place + extra.length);
  return [joined, null];
}
