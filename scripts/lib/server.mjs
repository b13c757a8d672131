// A server for a test: on a free port, with its store in memory.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** @returns {Promise<{ url: string, pid: number, stop: () => Promise<void> }>} */
export async function startServer(program, ...flags) {
  const child = spawn(program, ["--listen", "127.0.0.1:0", "--log", "warn", ...(flags.includes("--store") ? [] : ["--store", "memory"]), ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((done, failed) => {
    child.once("error", failed);
    child.once("exit", done);
  });
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

async function address(child) {
  for await (const line of createInterface(child.stdout)) {
    const url = /listening on (http:\/\/\S+)/.exec(line)?.[1];
    if (url) return url.replace(/\/$/, "");
  }
  throw new Error("The server said no address");
}
