// `npm start`: installs what is missing, builds the package, the demo and the server, and serves them. Arguments are passed to
// the server, for example `npm start -- --listen 0.0.0.0:8787`.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { build } from "./build.mjs";
import { startControl, withdraw } from "./lib/control.mjs";
import { buildDemo, buildServer } from "./lib/products.mjs";
import { root } from "./lib/run.mjs";
import { Supervisor } from "./lib/supervisor.mjs";
import { nodeModules, setupRust } from "./setup.mjs";

setupRust();
const [server] = await Promise.all([buildServer(), nodeModules()]);
await build();
await buildDemo();
await serve(server, process.argv.slice(2));

/**
 * Runs the server in the foreground: its output goes to ours, and its end ends this process. The control of the demo's lab runs
 * beside it.
 */
async function serve(program, given) {
  const demo = join(root, "www/dist");
  const key = valueOf("--internal-api-key", given) ?? process.env.CHAT_INTERNAL_API_KEY ?? randomUUID();
  const flags = withDefaults(given, { "--www": demo, "--heartbeat-ms": "3000", "--drain-seconds": "1" });
  const supervisor = new Supervisor(program, flags, { cwd: root, env: { ...process.env, CHAT_INTERNAL_API_KEY: key } });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => supervisor.kill(signal));
  await supervisor.start();
  if (valueOf("--www", given) !== undefined) return;
  const basePath = (valueOf("--base-path", given) ?? "/api/chat").replace(/^\/*/, "/").replace(/\/+$/, "");
  const announceIn = join(demo, "lab.json");
  await startControl({ supervisor, key, basePath, announceIn });
  process.once("exit", () => withdraw(announceIn));
}

/**
 * Adds the defaults of development. Heartbeats are frequent, so that a person sees how the lab's half-open connection is noticed.
 * The server drains for one second only, so that its restart interrupts an answer, and Ctrl-C ends it.
 */
function withDefaults(given, defaults) {
  const missing = Object.entries(defaults).filter(([flag]) => valueOf(flag, given) === undefined);
  return [...missing.flat(), ...given];
}

function valueOf(flag, given) {
  const joined = given.find((one) => one.startsWith(`${flag}=`));
  if (joined) return joined.slice(flag.length + 1);
  const at = given.indexOf(flag);
  return at < 0 ? undefined : given[at + 1];
}
