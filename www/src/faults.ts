// A `fetch` that can be made to fail: what the fault lab pulls at. Requests go through it untouched until someone asks for a fault.
import { Store } from "./store";

export interface Faults {
  /** Hand this to `createChatStreams({ fetch })`. */
  readonly fetch: typeof fetch;
  /** Until when the network is pretended to be away (ms since the epoch), or null. */
  readonly offlineUntil: Store<number | null>;
  /** Breaks every open answer in the middle, as a dropped Wi-Fi does. Returns how many there were. */
  cut(): number;
  /** Breaks every open answer, and refuses new requests for this long. */
  goOffline(ms: number): void;
}

export function createFaults(network: typeof fetch = fetch.bind(globalThis)): Faults {
  const open = new Set<AbortController>();
  const offlineUntil = new Store<number | null>(null);

  const cut = () => {
    const broken = [...open];
    open.clear();
    for (const connection of broken) connection.abort(new TypeError("network error"));
    return broken.length;
  };

  return {
    offlineUntil,
    cut,
    async fetch(input, init) {
      if (offlineUntil.get() !== null) throw new TypeError("Failed to fetch");
      const request = new Request(input, init);
      const connection = new AbortController();
      open.add(connection);
      try {
        const response = await network(request, { signal: AbortSignal.any([request.signal, connection.signal]) });
        if (!isStream(response)) open.delete(connection);
        return response;
      } catch (error) {
        open.delete(connection);
        throw error;
      }
    },
    goOffline(ms) {
      if (offlineUntil.get() !== null) return;
      offlineUntil.set(Date.now() + ms);
      pretendOffline();
      cut();
      setTimeout(() => {
        offlineUntil.set(null);
        pretendOnline();
      }, ms);
    },
  };
}

function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
}

// Libraries look at `navigator.onLine` as well as at the events, so both have to tell the same story.
function pretendOffline(): void {
  Object.defineProperty(navigator, "onLine", { configurable: true, get: () => false });
  dispatchEvent(new Event("offline"));
}

function pretendOnline(): void {
  Reflect.deleteProperty(navigator, "onLine");
  dispatchEvent(new Event("online"));
}
