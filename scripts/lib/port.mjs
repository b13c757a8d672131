// Finds a free port, for a program that cannot choose and report one itself.

import { createServer } from "node:net";

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
