/** Lets other tasks of the event loop run. */

/**
 * Resolves in the next task. It avoids timers, which run once a second in a hidden page. In Node a message port would keep the
 * process alive. Jest's jsdom has neither `setImmediate` nor message ports.
 */
export function nextTask(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (run: () => void) => void };
  return new Promise((done) => {
    if (setImmediate) return setImmediate(done);
    if (typeof MessageChannel !== "function") return void setTimeout(done);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(undefined);
  });
}
