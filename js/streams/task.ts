/** A turn for other tasks. */

/**
 * Not by a timer, where there is anything else: those of a hidden page come once a second. A message port would keep Node
 * from ending. Jest's jsdom has neither.
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
