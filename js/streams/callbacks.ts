/** Callbacks of the app that hear of one kind of event. */

import { checkFunction } from "./arguments.js";
import { guard } from "../types/report.js";

/** The same function may be added twice, and is then called twice. */
export class Callbacks<Given extends readonly unknown[]> {
  readonly #entries = new Set<{ callback: (...given: Given) => void }>();

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Adds a callback and returns a function that removes it. */
  add(callback: (...given: Given) => void): () => void {
    checkFunction("callback", callback);
    const entry = { callback };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** Calls those that are there now, unless one of them removes another. */
  call(...given: Given): void {
    for (const entry of [...this.#entries]) if (this.#entries.has(entry)) guard(() => entry.callback(...given));
  }
}
