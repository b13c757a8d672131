// Runs the server for `npm start`, and restarts it at the same address.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { addressIn } from "./server.mjs";

export class Supervisor {
  /** The address of the server once it listens, such as `http://127.0.0.1:8787`. @type {string | undefined} */
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

  /** Ends the server as a deployment does, and starts it again. Calls meanwhile wait for the same restart. */
  restart() {
    this.#restarting ??= this.#again().finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  kill(signal) {
    this.#child?.kill(signal);
  }

  /** Ends the server but not this process. */
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

  /** Passes the output of the server on to our own. */
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

/** Returns the flags with this address instead of another one. With port 0 the server would choose a new port. */
function onAddress(flags, host) {
  const others = flags.filter((flag, at) => flag !== "--listen" && flags[at - 1] !== "--listen" && !flag.startsWith("--listen="));
  return [...others, "--listen", host];
}
