// Runs child processes, and knows the paths of the repository.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Cargo installs programs where a login shell finds them, but other processes do not. */
const cargoBin = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin");
if (!(process.env.PATH ?? "").split(delimiter).includes(cargoBin)) {
  process.env.PATH = `${cargoBin}${delimiter}${process.env.PATH ?? ""}`;
}

export class CommandFailed extends Error {
  constructor(command, code, output) {
    super(`${command} ended with ${code}`);
    this.output = output;
  }
}

/** The folder into which Cargo builds. */
export const targetDir = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** Runs a command to its end with our own input and output. Throws if it fails. */
export function run(command, args = [], options = {}) {
  const child = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (child.error) throw child.error;
  if (child.status !== 0) throw new CommandFailed([command, ...args].join(" "), child.status ?? child.signal);
}

/** Runs a command to its end while other work goes on. Rejects if it fails. */
export function succeed(command, args = [], options = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    child.on("error", failed);
    child.on("close", (code, signal) => {
      if (code === 0) done();
      else failed(new CommandFailed([command, ...args].join(" "), code ?? signal));
    });
  });
}

/** Returns the standard output of a command, trimmed, or `undefined` if it fails or does not exist. */
export function output(command, args = [], options = {}) {
  const child = spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 64 << 20, stdio: ["ignore", "pipe", "ignore"], ...options });
  return child.error || child.status !== 0 ? undefined : child.stdout.trim();
}

/** Returns whether a program of this name can be started. */
export function found(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program)));
}

/**
 * Runs a command, shows its output as it arrives, and resolves with all of it at the end, whatever the exit code.
 * @returns {Promise<{ code: number | string, text: string }>}
 */
export function follow(command, args = [], options = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
    let text = "";
    for (const [from, to] of [[child.stdout, process.stdout], [child.stderr, process.stderr]]) {
      from.setEncoding("utf8");
      from.on("data", (part) => {
        text += part;
        to.write(part);
      });
    }
    child.on("error", failed);
    child.on("close", (code, signal) => done({ code: code ?? signal ?? "no code", text }));
  });
}
