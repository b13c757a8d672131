// Waiting for what nothing announces: asked again and again, and given up after a while.

import { setTimeout as pause } from "node:timers/promises";

/** How long anything may take, in ms. */
export const LIMIT_MS = 30_000;

/** Asks until the answer is truthy, and returns it. The error names `what` if it never is. */
export async function eventually(what, ask) {
  for (const until = performance.now() + LIMIT_MS; performance.now() < until; await pause(20)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what}: not so within ${LIMIT_MS} ms`);
}
