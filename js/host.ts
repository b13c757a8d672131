/** What the shell in Rust may call: the app's functions, always after the WebAssembly call has returned. */

import type { ChatStreamsOptions, HeadersReason, StorageLike } from "./types.js";

/** Mirrors `Host` in src/browser/host.rs. */
export interface Host {
  /** Notices wait. */
  wake(): void;
  /** Chunks of a session wait, urgently or for the next frame. */
  deliver(session: string, urgent: boolean): void;
  /** The app's headers for one request, as pairs. */
  headers(why: HeadersReason): Promise<Array<[name: string, value: string]>>;
  /** Reads a body to its end, or until `take` wants no more. Rejects where the body breaks. */
  pump(body: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => boolean): Promise<void>;
  /** The app's `fetch`, if it gave one. */
  fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** The app's storage, if it gave one. It is synchronous, and so the one thing that is called from within. */
  storage: StorageLike | undefined;
}

export function makeHost(options: ChatStreamsOptions, calls: Pick<Host, "wake" | "deliver">): Host {
  const { headers, fetch, storage } = options;
  return {
    ...calls,
    async headers(why) {
      await undefined;
      const given = typeof headers === "function" ? await headers(why) : headers;
      return given ? [...new Headers(given)] : [];
    },
    pump,
    fetch: fetch && (async (url, init) => (await undefined, fetch(url, init))),
    storage: typeof storage === "object" && storage !== null ? storage : undefined,
  };
}

/**
 * Makes it hold nothing any more. The core keeps its host, which leads to the client, which keeps the core: a circle that
 * no collector sees through, because half of it is WebAssembly.
 */
export function letGo(host: Host): void {
  Object.assign(host, makeHost({}, { wake() {}, deliver() {} }));
}

async function pump(body: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => boolean): Promise<void> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (take(bytesOf(value))) continue;
    // A reader that cannot be cancelled has nothing left to give. Its promise is taken, because where the request was
    // aborted it rejects, and Node ends a process over a rejection that nobody takes.
    return void reader.cancel?.().catch?.(() => {});
  }
}

/** Test environments mix realms, where bytes are no instance of our `Uint8Array`. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError("The body of the response gave something else than bytes.");
}
