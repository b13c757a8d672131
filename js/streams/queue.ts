/** Calls of the app's functions that wait until the app's own call, or ours, has returned. */

import { guard } from "../types/report.js";

interface Entry {
  session: string | undefined;
  call: () => void;
}

/** First in, first out; runs in a microtask. What a call adds runs after what waits already. */
export class CallQueue {
  #entries: Entry[] = [];
  #isScheduled = false;

  /** `session`: of whose stream it tells. */
  add(session: string | undefined, call: () => void): void {
    this.#entries.push({ session, call });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#run());
  }

  /** Runs what waits for one session now, so that nothing of it is left for later. */
  runNow(session: string): void {
    const now = this.#entries.filter((entry) => entry.session === session);
    this.#entries = this.#entries.filter((entry) => entry.session !== session);
    for (const { call } of now) guard(call);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#entries = [];
  }

  #run(): void {
    for (let entry = this.#entries.shift(); entry; entry = this.#entries.shift()) guard(entry.call);
    this.#isScheduled = false;
  }
}
