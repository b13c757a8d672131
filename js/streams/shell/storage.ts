/**
 * Where saved tasks are kept: `localStorage`, a storage of the app, or memory. Never fails towards its caller: a key that
 * the storage would not take (missing, forbidden, full) is kept in memory instead, for as long as the page lives.
 */

import type { StorageLike } from "../../types/index.js";
import { quietly } from "./hostile.js";

/** Text by key. The methods of an app's storage are called while nothing is borrowed, so they may call the client. */
export class TextStorage {
  readonly #chosen: StorageLike | string;
  /** What the storage did not take; it wins over what the storage still holds. */
  readonly #memory = new Map<string, string>();

  constructor(chosen: StorageLike | string = "local") {
    this.#chosen = chosen;
  }

  read(key: string): string | undefined {
    const text = this.#memory.get(key) ?? quietly(() => this.#reach()?.getItem(key));
    return typeof text === "string" ? text : undefined;
  }

  write(key: string, text: string): void {
    const isTaken = quietly(() => {
      const storage = this.#reach();
      storage?.setItem(key, text);
      return storage !== undefined;
    });
    if (isTaken) this.#memory.delete(key);
    else this.#memory.set(key, text);
  }

  /** Forgets a key. One that the storage refuses to give up is at least empty for us. */
  remove(key: string): void {
    this.#memory.delete(key);
    quietly(() => this.#reach()?.removeItem(key));
  }

  /** The keys that begin so. */
  keys(prefix: string): string[] {
    const storage = quietly(() => this.#reach());
    const count = Number(quietly(() => storage?.length)) | 0;
    const keys: unknown[] = Array.from({ length: Math.max(count, 0) }, (_, index) => quietly(() => storage?.key?.(index)));
    const all = new Set([...this.#memory.keys(), ...keys]);
    return [...all].filter((key): key is string => typeof key === "string" && key.startsWith(prefix));
  }

  /** `localStorage` is looked up anew each time, because a user may forbid it at any moment: reading the property throws then. */
  #reach(): StorageLike | undefined {
    if (typeof this.#chosen === "object") return this.#chosen;
    const storage: unknown = this.#chosen === "memory" || typeof window !== "object" ? undefined : window?.localStorage;
    return typeof storage === "object" && storage !== null ? (storage as StorageLike) : undefined;
  }
}
