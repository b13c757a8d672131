/** Reads the bodies of responses, and passes many small reads on as one. */

import { nextTask } from "./task.js";

/** The number of bytes that are passed on at once. */
const GATHERED = 32 * 1024;
/** The number of bytes that are passed on at a time of a larger read, such as a whole replay. */
const SLICE = 64 * 1024;
/** The time in ms after which other tasks get their turn. A page stays responsive if a task takes less than 50 ms. */
const TURN = 25;
/** The number of microtasks that pass at most between two reads while a stream has buffered bytes. */
const PATIENCE = 10;

/** Reads a body to its end, or until `take` wants no more. Rejects where the body breaks. */
export async function pump(body: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => boolean): Promise<void> {
  const reader = body.getReader();
  const inlet = new Inlet(take, () => {
    // A reader that cannot be cancelled has no more data. The rejection of an aborted request is caught, because Node ends a
    // process that has an unhandled one.
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

/** Reads a body to its end, or up to `most` bytes, and returns the text. */
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
 * Gathers the reads that a stream has buffered, so that many small ones cost one call into the WebAssembly. It passes them on
 * before the current task is over, because it waits for microtasks and never for a timer.
 */
class Inlet {
  isOpen = true;
  readonly #take: (bytes: Uint8Array) => boolean;
  readonly #close: () => void;
  #buffer: Uint8Array | undefined;
  #length = 0;
  /** The number of microtasks since the last read, or -1 while none is awaited. */
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

/** Returns the bytes of a read. Test environments mix realms, whose arrays are not instances of this `Uint8Array`. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError("The body of the response gave something else than bytes.");
}
