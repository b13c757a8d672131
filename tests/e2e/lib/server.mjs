// Starts and stops the real backend, on a free port and with its store in memory.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { startServer as start } from "../../../scripts/lib/server.mjs";

const root = resolve(import.meta.dirname, "../../..");
/** The folder of the built demo. */
export const www = join(root, "www/dist");

/** Returns the server that was built last, or the one that `REJOIN_SERVER` names. */
export function serverProgram() {
  const targets = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
  const places = [process.env.REJOIN_SERVER, join(targets, "release/rejoin-server"), join(targets, "debug/rejoin-server")];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error("No rejoin-server is built: run `npm run build` first");
  return found;
}

/** Starts it with the demo. It prints nothing unless `REJOIN_SERVER_LOG` is set. */
export function startServer(...flags) {
  const log = process.env.REJOIN_SERVER_LOG ? (process.env.RUST_LOG ?? "warn") : "off";
  return start(serverProgram(), "--log", log, ...(flags.includes("--www") ? [] : ["--www", www]), ...flags);
}

/** Reads the backend's JSON endpoints without a proxy, to compare with what a page shows. */
export class Truth {
  constructor(url, basePath = "/api/chat") {
    this.base = url + basePath;
  }

  async createSession() {
    return (await this.#ask("/sessions", { method: "POST" })).id;
  }

  session(id) {
    return this.#ask(`/sessions/${id}`);
  }

  task(id) {
    return this.#ask(`/tasks/${id}`);
  }

  async sessions() {
    return (await this.#ask("/sessions?limit=100")).sessions;
  }

  /** Returns the text of the session's last answer. */
  async answer(id) {
    const { messages } = await this.session(id);
    return messages.findLast(({ role }) => role === "assistant")?.content;
  }

  async #ask(path, init) {
    const response = await fetch(this.base + path, init);
    const body = await response.json();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
    return body;
  }
}
