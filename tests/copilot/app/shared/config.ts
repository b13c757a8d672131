// Reads the times that a test sets in the page's address, which are shorter than those of a person.

const query = new URLSearchParams(globalThis.location?.search ?? "");

function milliseconds(name: string, usual: number): number {
  return Number(query.get(name) ?? usual);
}

export const RETRY_DELAY_MS = milliseconds("retry", 1_000);
export const POLL_MS = milliseconds("poll", 2_000);
export const STALL_MS = milliseconds("stall", 45_000);
