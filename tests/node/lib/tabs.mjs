// What the tabs of a browser share, for several clients in one process: locks by name, and channels that copy messages to all
// others.

/** Runs a function in a process whose clients act as tabs of one browser. */
export async function withTabs(run) {
  const { BroadcastChannel: channel } = globalThis;
  const window = Object.assign(new EventTarget(), { navigator: { locks: new Locks() }, BroadcastChannel: Channel });
  globalThis.window = Object.assign(window, { window });
  globalThis.BroadcastChannel = Channel;
  try {
    return await run();
  } finally {
    delete globalThis.window;
    globalThis.BroadcastChannel = channel;
  }
}

/** `navigator.locks` with exclusive locks only, with `signal` and `steal`. */
class Locks {
  #held = new Map();
  #waiting = new Map();

  request(name, { signal, steal = false }, granted) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const claim = { name, granted, signal, resolve, reject };
      if (steal) return this.#steal(claim);
      this.#queue(name).push(claim);
      signal?.addEventListener("abort", () => this.#leave(claim, signal.reason));
      this.#grant(name);
    });
  }

  #queue(name) {
    if (!this.#waiting.has(name)) this.#waiting.set(name, []);
    return this.#waiting.get(name);
  }

  /** Takes the lock from its holder, whose promise rejects. */
  #steal(claim) {
    this.#held.get(claim.name)?.reject(new DOMException("stolen", "AbortError"));
    this.#hold(claim);
  }

  #leave(claim, reason) {
    const queue = this.#queue(claim.name);
    if (!queue.includes(claim)) return;
    queue.splice(queue.indexOf(claim), 1);
    claim.reject(reason);
  }

  #grant(name) {
    if (this.#held.has(name)) return;
    const next = this.#queue(name).shift();
    if (next) this.#hold(next);
  }

  #hold(claim) {
    const { name } = claim;
    this.#held.set(name, claim);
    const release = (settle) => (value) => {
      settle(value);
      if (this.#held.get(name) !== claim) return;
      this.#held.delete(name);
      this.#grant(name);
    };
    const grant = () => (claim.signal?.aborted ? Promise.reject(claim.signal.reason) : claim.granted({ name }));
    // A browser grants a lock in a new task.
    setImmediate(() => new Promise((done) => done(grant())).then(release(claim.resolve), release(claim.reject)));
  }
}

const open = new Set();

/** `BroadcastChannel`. Each message is a new task, as in a browser. */
class Channel extends EventTarget {
  constructor(name) {
    super();
    this.name = name;
    open.add(this);
  }

  postMessage(message) {
    const data = structuredClone(message);
    for (const other of open) if (other !== this && other.name === this.name) setImmediate(() => other.#receive(data));
  }

  close() {
    open.delete(this);
  }

  #receive(data) {
    if (open.has(this)) this.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
  }
}
