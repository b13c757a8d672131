/** Creates the ids of messages. */

/** Returns a random id. `randomUUID` exists in secure contexts only, which a page on a local network is not. */
export function randomId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16).padStart(8, "0")).join("");
}
