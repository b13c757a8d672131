// How smoothly the page moves: frames that did not come, and the longest pause between two.

export interface Smoothness {
  /** Frames of 60 a second that did not come. */
  readonly dropped: number;
  /** ms. */
  readonly longest: number;
}

const FRAME_MS = 1000 / 60;
/** Beyond this the page was hidden or asleep, and nobody looked. */
const ASLEEP_MS = 2000;

/** Counts from now on until it is stopped; a hidden page has no frames, and drops none. */
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
