// Measures how smoothly the page moves: the dropped frames, and the longest pause between two.

export interface Smoothness {
  /** The number of dropped frames, of 60 a second. */
  readonly dropped: number;
  /** ms. */
  readonly longest: number;
}

const FRAME_MS = 1000 / 60;
/** The pause above which the page was hidden or asleep. */
const ASLEEP_MS = 2000;

/** Counts until it is stopped. A hidden page draws no frames, and drops none. */
export class FrameMeter {
  #dropped = 0;
  #longest = 0;
  #last: number | null = null;
  #request = 0;

  start(): this {
    this.#last = null;
    this.#request = requestAnimationFrame(this.#tick);
    return this;
  }

  stop(): Smoothness {
    cancelAnimationFrame(this.#request);
    return this.read();
  }

  read(): Smoothness {
    return { dropped: this.#dropped, longest: Math.round(this.#longest) };
  }

  readonly #tick = (now: number): void => {
    if (this.#last !== null && now - this.#last < ASLEEP_MS) {
      const pause = now - this.#last;
      this.#dropped += Math.max(0, Math.round(pause / FRAME_MS) - 1);
      this.#longest = Math.max(this.#longest, pause);
    }
    this.#last = now;
    this.#request = requestAnimationFrame(this.#tick);
  };
}
