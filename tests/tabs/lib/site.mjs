// The real server with the tests' pages, the package and the built demo, all on one origin. Tests compare the pages with it.

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { startServer, Truth, www } from "../../e2e/lib/server.mjs";
import { eventually } from "./patience.mjs";

const root = resolve(import.meta.dirname, "../../..");

/** Short enough that a silent owner is noticed in a few seconds, and a closed connection at once. */
const HEARTBEAT_MS = 1_000;

/** @returns {Promise<Site>} */
export async function openSite() {
  const folder = mkdtempSync(join(tmpdir(), "rejoin-tabs-"));
  cpSync(join(root, "tests/tabs/page"), folder, { recursive: true });
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  cpSync(www, join(folder, "demo"), { recursive: true });
  const server = await startServer("--www", folder, "--heartbeat-ms", String(HEARTBEAT_MS));
  return new Site(server, folder);
}

export class Site {
  #server;
  #folder;
  /** The number of streams that were read here and not by a page. */
  #own = 0;

  constructor(server, folder) {
    this.#server = server;
    this.#folder = folder;
    this.url = server.url;
    this.truth = new Truth(server.url);
  }

  /** Returns the number of streams that the server holds open, and the number that pages have ever opened. */
  async streams() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const read = (name) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
    return { open: read("rejoin_streams_open"), total: read("rejoin_streams_total") - this.#own };
  }

  /** Waits until the server holds so many streams. It notices the end of a connection at its next write. */
  async holds(number) {
    await eventually(`the server holds ${number} streams`, async () => (await this.streams()).open === number);
  }

  /** Waits until the session's task has ended, by reading its stream to the end. */
  async ended(session) {
    const task = (await this.truth.session(session)).active_stream?.task_id;
    if (!task) return;
    const response = await fetch(`${this.truth.base}/tasks/${task}/stream`);
    if (response.headers.get("content-type")?.startsWith("text/event-stream")) this.#own += 1;
    await response.text();
  }

  async close() {
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
