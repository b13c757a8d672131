/** Calls of the app's functions, which wait until the current call of the app or of the core has returned. */

import { guard } from "../types/report.js";

interface Entry {
  session: string | undefined;
  call: () => void;
}

/** A queue that runs in a microtask, first in, first out. */
export class CallQueue {
  #entries: Entry[] = [];
  #isScheduled = false;

  /** @param session the session that the call is about */
  add(session: string | undefined, call: () => void): void {
    this.#entries.push({ session, call });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#run());
  }

  /** Runs the waiting calls of one session now. */
  runNow(session: string): void {
    const now = this.#entries.filter((entry) => entry.session === session);
    this.#entries = this.#entries.filter((entry) => entry.session !== session);
    for (const { call } of now) guard(call);
  }

  /** Drops all waiting calls. */
  clear(): void {
    this.#entries = [];
  }

  #run(): void {
    for (let entry = this.#entries.shift(); entry; entry = this.#entries.shift()) guard(entry.call);
    this.#isScheduled = false;
  }
}
