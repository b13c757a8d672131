/** Watches the abort signals that the app passes. */

import type { StreamListener } from "../../types/index.js";

/** Returns whether the signal of a listener was aborted before it began to listen. */
export function isAborted(listener: StreamListener | undefined): boolean {
  return typeof listener === "object" && listener.signal?.aborted === true;
}

/** Calls a function when a signal is aborted. Returns a function that ends this, so that a long-lived signal keeps nothing. */
export function heed(signal: AbortSignal | undefined, leave: () => void): () => void {
  signal?.addEventListener("abort", leave, { once: true });
  return () => signal?.removeEventListener("abort", leave);
}

/** Calls a function when the signal of a listener is aborted. Returns a function that ends this. */
export function heedListener(listener: StreamListener | undefined, leave: () => void): () => void {
  return heed(typeof listener === "object" ? listener.signal : undefined, leave);
}
