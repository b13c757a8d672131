// Starts a server for a test, on a free port and with its store in memory.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** @returns {Promise<{ url: string, pid: number, stop: () => Promise<void> }>} */
export async function startServer(program, ...flags) {
  const usual = Object.entries({ "--listen": "127.0.0.1:0", "--log": "warn", "--store": "memory" }).filter(([flag]) => !flags.includes(flag)).flat();
  const child = spawn(program, [...usual, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((done, failed) => {
    child.once("error", failed);
    child.once("exit", done);
  });
  endWithUs(child);
  const url = await Promise.race([address(child), ended.then((code) => Promise.reject(new Error(`The server ended with ${code}`)))]);
  return {
    url,
    pid: child.pid,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Returns the address in the line with which a server reports that it listens, or `undefined` for any other line. */
export function addressIn(line) {
  return /listening on (http:\/\/\S+)/.exec(line)?.[1].replace(/\/$/, "");
}

const running = new Set();

/** Ends the server with this process, even if the tests are interrupted. */
function endWithUs(child) {
  if (running.size === 0) {
    process.once("exit", () => running.forEach((one) => one.kill("SIGKILL")));
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));
  }
  running.add(child);
}

async function address(child) {
  for await (const line of createInterface(child.stdout)) {
    const url = addressIn(line);
    if (url) return url;
  }
  throw new Error("The server said no address");
}
