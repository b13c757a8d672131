// What a page of the tests offers them: to ask for its state, and to wait until a condition holds.

/** Errors that reached the page. */
export const problems = [];
addEventListener("error", (event) => problems.push(`thrown: ${event.error?.stack ?? event.message}`));
addEventListener("unhandledrejection", (event) => problems.push(`rejected: ${event.reason?.stack ?? event.reason}`));

/** @param {Record<string, (now: object, ...wanted: unknown[]) => boolean>} conditions What a test may wait for. */
export function createWatch(state, conditions) {
  const waiting = new Set();
  return {
    /** Called when the state may be another one. */
    look: () => [...waiting].forEach((check) => check()),
    /** Resolves with the state once a condition holds. */
    until: (name, ...wanted) =>
      new Promise((done) => {
        const check = () => {
          const now = state();
          if (!conditions[name](now, ...wanted)) return;
          waiting.delete(check);
          done(now);
        };
        waiting.add(check);
        check();
      }),
  };
}
