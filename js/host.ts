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
    fetch: fetch && (async (url, init) => (await undefined, fetch(url, init))),
    storage: typeof storage === "object" && storage !== null ? storage : undefined,
  };
}
