// Starts the real backend on a free port, with its store in memory, and stops it again.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const root = resolve(import.meta.dirname, "../../..");
/** The built demo. */
export const www = join(root, "www/dist");

/** The server that was built last, or the one that `REJOIN_SERVER` names. */
export function serverProgram() {
  const targets = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
  const places = [process.env.REJOIN_SERVER, join(targets, "release/rejoin-server"), join(targets, "debug/rejoin-server")];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error("No rejoin-server is built: run `npm run build` first");
  return found;
}

/** @returns {Promise<{ url: string, stop: () => Promise<void> }>} */
export async function startServer(...flags) {
  const child = spawn(serverProgram(), ["--listen", "127.0.0.1:0", "--store", "memory", ...(flags.includes("--www") ? [] : ["--www", www]), ...flags], {
    stdio: ["ignore", "pipe", process.env.REJOIN_SERVER_LOG ? "inherit" : "ignore"],
    env: { ...process.env, RUST_LOG: process.env.RUST_LOG ?? "warn" },
  });
  const ended = new Promise((done) => child.once("exit", done));
  killWithUs(child);
  const url = await Promise.race([address(child), ended.then((code) => Promise.reject(new Error(`The server ended with ${code}`)))]);
  return {
    url,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** No server outlives its tests, also where these are interrupted. */
function killWithUs(child) {
  process.once("exit", () => child.kill("SIGKILL"));
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));
}

async function address(child) {
  for await (const line of createInterface(child.stdout)) {
    const said = /listening on (http:\/\/\S+)/.exec(line);
    if (said) return said[1].replace(/\/$/, "");
  }
  throw new Error("The server said no address");
}

/** The backend's JSON endpoints, asked without any proxy: what is true. */
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

  /** The text of the session's last answer. */
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
