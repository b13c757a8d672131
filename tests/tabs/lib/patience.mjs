// Waits for conditions without an event: checks them again and again, and gives up after a while.

import { setTimeout as pause } from "node:timers/promises";

/** The limit of any wait, in milliseconds. */
export const LIMIT_MS = 30_000;

/** Asks until the answer is truthy, and returns it. The error names `what` if it never is. */
export async function eventually(what, ask) {
  for (const until = performance.now() + LIMIT_MS; performance.now() < until; await pause(20)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what}: not so within ${LIMIT_MS} ms`);
}
