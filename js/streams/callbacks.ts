/** Keeps the callbacks that the app has registered for one kind of event. */

import { checkFunction } from "./arguments.js";
import { guard } from "../types/report.js";

/** A function that was added twice is called twice. */
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

  /** Calls the callbacks that are registered now. One that another callback removes meanwhile is not called. */
  call(...given: Given): void {
    for (const entry of [...this.#entries]) {
      const { callback } = entry;
      if (this.#entries.has(entry)) guard(() => callback(...given));
    }
  }
}
