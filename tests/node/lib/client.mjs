// Makes clients that are closed after each test of the importing file.

import { afterEach } from "node:test";
import { createChatStreams } from "../../../dist/index.js";
import { Backend } from "./backend.mjs";

const open = [];
afterEach(() => open.splice(0).forEach((streams) => streams.close()));

/** Closes a client after its test. */
export function closeAfterwards(streams) {
  open.push(streams);
}

/** Makes a client with short delays, on a backend of its own. */
export function client(options = {}) {
  const backend = new Backend();
  const streams = createChatStreams({
    fetch: backend.fetch, storage: "memory", delivery: "immediate", retry: { initialDelayMs: 5, maxDelayMs: 10 }, seed: 1, ...options,
  });
  closeAfterwards(streams);
  return { streams, backend };
}
