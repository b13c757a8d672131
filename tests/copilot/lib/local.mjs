// An HTTP server for tests on a free port of this machine.

import { once } from "node:events";
import { createServer } from "node:http";

export class Local {
  #server;

  /** @param {import("node:http").RequestListener} answer */
  constructor(answer) {
    this.#server = createServer(answer);
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  async up(port = 0) {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  /** Refuses connections and breaks the open ones. */
  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
