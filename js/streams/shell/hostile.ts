/** Ways through a browser in which anything may be missing or throw: SSR, private windows, blocked cookies, emulations. */

/** What `look` gives; nothing where it throws. */
export function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** The window, if there is one. By its properties and not by its class, so that an emulated one (jsdom) counts. */
export function thisWindow(): (Window & typeof globalThis) | undefined {
  return typeof window === "object" && typeof window?.addEventListener === "function" ? window : undefined;
}

/** Listens until what it gives is called. */
export function listen(target: EventTarget, name: string, hear: (event: Event) => void): () => void {
  quietly(() => target.addEventListener(name, hear));
  return () => quietly(() => target.removeEventListener(name, hear));
}
