// Runs benches/web/server.mjs in a process that ends with this one.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "../run.mjs";
import { out } from "./peers.mjs";

const MODULES = ["rows", "first", "before", "rejoin", "use-chat", "handlers", "reads", "floor"];

/** @returns {Promise<{ url: string, stop: () => Promise<void> }>} */
export async function startFiles() {
  const files = [
    ...MODULES.map((name) => `${name}.js=${join(out, `${name}.mjs`)}`),
    ...["index.js", "slim.js", "client.wasm"].map((name) => `${name}=${join(root, "dist", name)}`),
  ];
  const child = spawn(process.execPath, [join(root, "benches/web/server.mjs"), ...files], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const { value: url } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
  if (!url) throw new Error("The server of the benches said no address");
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { url, stop };
}
