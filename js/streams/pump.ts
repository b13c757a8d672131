/** Reads the bodies of answers: many small reads are handed on as one. */

import { nextTask } from "./task.js";

/** Bytes that are handed over at once. */
const GATHERED = 32 * 1024;
/** Of a read that is larger, as one of a replay may be that brings all of it, so much is handed over at a time… */
const SLICE = 64 * 1024;
/** …and after so many ms of it other tasks get their turn: a page stays responsive below 50 in all. */
const TURN = 25;
/** Microtasks that pass between two reads at most while a stream has bytes at hand. */
const PATIENCE = 10;

/** Reads a body to its end, or until `take` wants no more. Rejects where the body breaks. */
export async function pump(body: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => boolean): Promise<void> {
  const reader = body.getReader();
  const inlet = new Inlet(take, () => {
    // A reader that cannot be cancelled has nothing left to give. Its promise is taken, because where the request was
    // aborted it rejects, and Node ends a process over a rejection that nobody takes.
    void reader.cancel?.().catch?.(() => {});
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || !inlet.isOpen) return;
      const bytes = bytesOf(value);
      if (bytes.length <= SLICE) inlet.add(bytes);
      else await addInTurns(inlet, bytes);
    }
  } finally {
    inlet.flush();
  }
}

/** Reads a body to its end, or until there are `most` bytes of it, and gives them as text. */
export async function collect(body: ReadableStream<Uint8Array>, most: number): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let rest = most;
  await pump(body, (bytes) => {
    parts.push(decoder.decode(bytes.subarray(0, rest), { stream: true }));
    rest -= bytes.length;
    return rest > 0;
  });
  return parts.join("") + decoder.decode();
}

async function addInTurns(inlet: Inlet, bytes: Uint8Array): Promise<void> {
  let began = performance.now();
  for (let at = 0; at < bytes.length && inlet.isOpen; at += SLICE) {
    if (performance.now() - began > TURN) {
      await nextTask();
      began = performance.now();
    }
    inlet.add(bytes.subarray(at, at + SLICE));
  }
}

/**
 * Gathers the reads that a stream has at hand, so that a call into the WebAssembly costs once for many small ones. What
 * came is handed over before the task that brought it is over: it waits for microtasks, never for a timer.
 */
class Inlet {
  isOpen = true;
  readonly #take: (bytes: Uint8Array) => boolean;
  readonly #close: () => void;
  #buffer: Uint8Array | undefined;
  #length = 0;
  /** Microtasks since the last read; -1 while nobody counts. */
  #waited = -1;

  constructor(take: (bytes: Uint8Array) => boolean, close: () => void) {
    this.#take = take;
    this.#close = close;
  }

  add(bytes: Uint8Array): void {
    if (this.#length + bytes.length > GATHERED) this.flush();
    if (bytes.length >= GATHERED) return this.#hand(bytes);
    (this.#buffer ??= new Uint8Array(GATHERED)).set(bytes, this.#length);
    this.#length += bytes.length;
    if (this.#waited < 0) void this.#wait();
    this.#waited = 0;
  }

  flush(): void {
    const length = this.#length;
    this.#length = 0;
    if (length > 0) this.#hand((this.#buffer as Uint8Array).subarray(0, length));
  }

  async #wait(): Promise<void> {
    this.#waited = 0;
    while (this.#length > 0 && this.#waited++ < PATIENCE) await undefined;
    this.#waited = -1;
    this.flush();
  }

  #hand(bytes: Uint8Array): void {
    if (!this.isOpen || this.#take(bytes)) return;
    this.isOpen = false;
    this.#close();
  }
}

/** Test environments mix realms, where bytes are no instance of our `Uint8Array`. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError("The body of the response gave something else than bytes.");
}
