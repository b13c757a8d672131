// A process of a test that prints its address.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Starts a program and waits for the line of its output that names its address.
 * @returns {Promise<{ url: string, lines: string[], when: (wanted: RegExp) => Promise<string>, kill: (signal?: string) => Promise<void> }>}
 */
export async function startProcess(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  running.add(child);
  const output = new Output(child);
  const ended = new Promise((done) => child.once("exit", done)).then(() => running.delete(child));
  const line = await output.when(/http:\/\/[\w.[\]:]+:\d+/);
  return {
    url: /http:\/\/[\w.[\]:]+:\d+/.exec(line)[0],
    lines: output.lines,
    when: (wanted) => output.when(wanted),
    async kill(signal = "SIGKILL") {
      child.kill(signal);
      await ended;
    },
  };
}

/** All lines that a process has written to either stream. */
class Output {
  lines = [];
  #waiting = new Set();

  constructor(child) {
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (line) => this.#take(line));
    child.once("error", (error) => this.#end(error));
    child.once("exit", (code) => this.#end(new Error(`It ended with ${code}:\n${this.lines.join("\n")}`)));
  }

  /** Resolves with the first line that matches, past or future. */
  when(wanted) {
    const found = this.lines.find((line) => wanted.test(line));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((done, failed) => this.#waiting.add({ wanted, done, failed }));
  }

  #take(line) {
    this.lines.push(line);
    for (const one of this.#waiting) {
      if (!one.wanted.test(line)) continue;
      this.#waiting.delete(one);
      one.done(line);
    }
  }

  #end(error) {
    for (const { failed } of this.#waiting) failed(error);
    this.#waiting.clear();
  }
}
