#!/usr/bin/env node
// Runs the server's program for this machine, which npm has installed as an optional dependency of this package.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";

/** Signals that arrive within this time count as one. */
const TOGETHER_MS = 500;

const machine = `${process.platform}-${process.arch}`;
const program = find();
const args = process.argv.slice(2);

if (program === undefined) {
  console.error(
    `rejoin-server has no program for ${machine} here. It is in the package rejoin-server-${machine}, if there is one: ` +
      "install with optional dependencies (npm install --include=optional), or build it with `cargo install rejoin-server`.",
  );
  process.exitCode = 1;
} else if (typeof process.execve === "function") {
  // The program takes this process's place: its signals and its end are its own.
  process.execve(program, [program, ...args], process.env);
} else {
  runBeside(program);
}

function find() {
  try {
    return createRequire(import.meta.url).resolve(`rejoin-server-${machine}/rejoin-server`);
  } catch {
    return undefined;
  }
}

/**
 * For versions of Node without `execve`. The program runs in a process group of its own and receives each signal from here only,
 * once: a supervisor or a terminal signals a whole group, `npx` passes the signal on as well, and the program ends without
 * draining at the second one.
 */
function runBeside(program) {
  const child = spawn(program, args, { stdio: "inherit", detached: true });
  const signals = ["SIGTERM", "SIGHUP", "SIGINT"];
  let passed = -Infinity;
  const pass = (signal) => {
    if (performance.now() - passed < TOGETHER_MS) return;
    passed = performance.now();
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, pass);
  child.once("error", (error) => {
    console.error(`${program}: ${error.message}`);
    process.exitCode = 1;
  });
  child.once("exit", (code, signal) => {
    if (signal === null) return process.exit(code);
    for (const handled of signals) process.removeAllListeners(handled);
    process.kill(process.pid, signal);
  });
}
