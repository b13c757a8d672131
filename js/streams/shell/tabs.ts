/** Web Locks and the channel between the tabs of one browser; there where the page has both, else each tab goes alone. */

import { listen, quietly, thisWindow } from "./hostile.js";
import { News } from "./news.js";
import type { Tell } from "./news.js";

/** A lock that is held or waited for. */
interface Claim {
  isHeld: boolean;
  /** Resolves the promise that holds the lock. */
  release(): void;
  /** A request that steals cannot be aborted (Web Locks §2.3). */
  readonly controller: AbortController | undefined;
}

/** Whether this page has locks and channels. */
export function hasTabs(): boolean {
  return locksOf() !== undefined && typeof thisWindow()?.BroadcastChannel === "function";
}

function locksOf(): LockManager | undefined {
  const locks = quietly(() => thisWindow()?.navigator.locks);
  return typeof locks?.request === "function" ? locks : undefined;
}

/** What a page needs to share streams with other tabs. */
export class Tabs {
  readonly #tell: Tell;
  readonly #locks: LockManager;
  readonly #channel: BroadcastChannel;
  readonly #hush: () => void;
  readonly #claims = new Map<string, Claim>();

  /** Joins the channel `name`; throws where the browser forbids it. */
  constructor(name: string, tell: Tell) {
    this.#tell = tell;
    this.#locks = locksOf() as LockManager;
    this.#channel = new BroadcastChannel(name);
    this.#hush = listen(this.#channel, "message", ({ data }: MessageEventInit) => void (typeof data === "string" && tell(News.Posted, 0, data)));
  }

  /** Tells the other tabs. */
  post(message: string): void {
    quietly(() => this.#channel.postMessage(message));
  }

  /** Asks for a session's lock. */
  lock(session: string, name: string, isStealing: boolean): void {
    this.unlock(session);
    const controller = isStealing ? undefined : new AbortController();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const claim: Claim = { isHeld: false, release, controller };
    this.#claims.set(session, claim);
    const options: LockOptions = controller ? { signal: controller.signal } : { steal: true };
    void this.#request(session, claim, () => this.#locks.request(name, options, () => this.#grant(session, claim, held)));
  }

  /** Gives a session's lock back, or no longer waits for it. */
  unlock(session: string): void {
    const claim = this.#claims.get(session);
    this.#claims.delete(session);
    claim?.release();
    claim?.controller?.abort();
  }

  /** Gives everything back. */
  leave(): void {
    for (const session of [...this.#claims.keys()]) this.unlock(session);
    this.#hush();
    quietly(() => this.#channel.close());
  }

  /** Held until the promise that this gives is resolved. Told afterwards: the core may give the lock back at once. */
  #grant(session: string, claim: Claim, held: Promise<void>): Promise<void> | undefined {
    if (!this.#isCurrent(session, claim)) return undefined;
    claim.isHeld = true;
    queueMicrotask(() => {
      if (this.#isCurrent(session, claim)) this.#tell(News.Locked, 0, session);
    });
    return held;
  }

  /** A request that ends while its claim still counts was taken away, or is never granted. */
  async #request(session: string, claim: Claim, ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
    } catch {
      await undefined;
      if (!this.#isCurrent(session, claim)) return;
      this.unlock(session);
      this.#tell(claim.isHeld ? News.LockLost : News.LocksRefused, 0, session);
    }
  }

  #isCurrent(session: string, claim: Claim): boolean {
    return this.#claims.get(session) === claim;
  }
}
