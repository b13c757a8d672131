// Makes runs repeatable: timers, clocks and random numbers belong to the run, and its time passes only when it says so.

import { numbers } from "../../e2e/lib/random.mjs";

const REAL = { setTimeout, clearTimeout, setImmediate, random: Math.random, date: Date.now, performance: performance.now.bind(performance) };
/** The wall clock at the beginning of a run. */
const EPOCH = 1_750_000_000_000;

/** The time of a run. */
export class Time {
  #now = 0;
  #last = 0;
  #timers = new Map();

  get now() {
    return this.#now;
  }

  add(call, delay = 0, ...given) {
    const id = ++this.#last;
    this.#timers.set(id, { at: this.#now + Math.max(1, Number(delay) || 0), id, call: () => call(...given) });
    return id;
  }

  remove(id) {
    this.#timers.delete(id);
  }

  /** Lets a task of the event loop pass, with all microtasks after it, and then some milliseconds of this time. */
  async pass(ms) {
    await new Promise((done) => REAL.setImmediate(done));
    const end = this.#now + ms;
    for (let due = this.#next(end); due; due = this.#next(end)) {
      this.#now = due.at;
      this.#timers.delete(due.id);
      due.call();
      await new Promise((done) => REAL.setImmediate(done));
    }
    this.#now = end;
  }

  /** Returns the timer that is due first, up to `end`. */
  #next(end) {
    const due = [...this.#timers.values()].filter(({ at }) => at <= end);
    return due.sort((one, other) => one.at - other.at || one.id - other.id)[0];
  }

  /** Passes turn by turn until a condition holds. */
  async until(isSo, what) {
    for (let turn = 0; turn < 4_000; turn++) {
      if (isSo()) return;
      await this.pass(2);
    }
    throw new Error(what());
  }
}

/** Runs a function with a time of its own, and with random numbers from a seed. */
export async function inTime(seed, run) {
  const time = new Time();
  globalThis.setTimeout = (...given) => time.add(...given);
  globalThis.clearTimeout = (id) => time.remove(id);
  Math.random = numbers(seed);
  Date.now = () => EPOCH + time.now;
  performance.now = () => time.now;
  try {
    return await run(time);
  } finally {
    Object.assign(globalThis, { setTimeout: REAL.setTimeout, clearTimeout: REAL.clearTimeout });
    Math.random = REAL.random;
    Date.now = REAL.date;
    performance.now = REAL.performance;
  }
}
