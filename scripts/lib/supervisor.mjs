// Runs the server for `npm start`, and starts it again on the address it had.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { addressIn } from "./server.mjs";

export class Supervisor {
  /** Where the server listens, once it does; `http://127.0.0.1:8787`. @type {string | undefined} */
  url;
  #program;
  #flags;
  #options;
  #child;
  #restarting;
  #stopping = false;

  /** @param {string} program @param {string[]} flags @param {import("node:child_process").SpawnOptions} options */
  constructor(program, flags, options = {}) {
    this.#program = program;
    this.#flags = flags;
    this.#options = options;
  }

  /** Resolves when the server listens. A server that ends by itself ends this process, with its code. */
  async start() {
    const child = spawn(this.#program, this.#flags, { ...this.#options, stdio: ["inherit", "pipe", "inherit"] });
    this.#child = child;
    child.once("error", (error) => {
      console.error(error.message);
      process.exit(1);
    });
    child.once("exit", (code) => this.#restarting || this.#stopping || process.exit(code ?? 1));
    await this.#listening(child);
  }

  /** Ends the server as a deployment does, and starts it again. Those who ask meanwhile wait for the same restart. */
  restart() {
    this.#restarting ??= this.#again().finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  kill(signal) {
    this.#child?.kill(signal);
  }

  /** Ends the server, and not this process. */
  async stop() {
    this.#stopping = true;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async #again() {
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
    this.#flags = onAddress(this.#flags, new URL(this.url).host);
    await this.start();
  }

  /** What the server says goes on to our own output. */
  #listening(child) {
    return new Promise((done) => {
      createInterface(child.stdout).on("line", (line) => {
        console.log(line);
        const url = addressIn(line);
        if (!url) return;
        this.url = url;
        done();
      });
    });
  }
}

/** The flags with this address and no other: port 0 would pick another one. */
function onAddress(flags, host) {
  const others = flags.filter((flag, at) => flag !== "--listen" && flags[at - 1] !== "--listen" && !flag.startsWith("--listen="));
  return [...others, "--listen", host];
}
