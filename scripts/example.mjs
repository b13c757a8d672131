// `npm run example NAME`: an example of examples/ on this tree. Builds the package and the server, installs the packed package
// into the example, starts the server, and then the example's `npm run dev` with the server's address in REJOIN_URL.
// Further arguments go to the example, e.g. `npm run example next-chat -- --port 4000`.
//
// An example says in its package.json, under `rejoin`, with which flags the server runs: `{port}` there is the port of its
// page, and `{agent}` the address of its agent in Python, where it has a folder `agent`.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { freePort } from "./lib/port.mjs";
import { buildServer } from "./lib/products.mjs";
import { output, root, run, targetDir } from "./lib/run.mjs";
import { startServer } from "./lib/server.mjs";
import { step } from "./lib/step.mjs";
import { setupBuild } from "./setup.mjs";

const examples = readdirSync(join(root, "examples")).filter((name) => existsSync(join(root, "examples", name, "package.json")));
const [name, ...args] = process.argv.slice(2);

if (examples.includes(name)) await main();
else {
  console.error(`Usage: npm run example NAME, which is one of ${examples.join(", ")}`);
  process.exitCode = 2;
}

async function main() {
  await setupBuild();
  await build();
  const program = await buildServer();
  await install();
  const url = `http://127.0.0.1:${await freePort()}`;
  const environment = { REJOIN_URL: url, REJOIN_AGENT_SECRET: secret("whsec_"), CHAT_INTERNAL_API_KEY: secret("") };
  Object.assign(process.env, environment);
  const agent = await startAgent();
  const server = await startServer(program, "--listen", new URL(url).host, ...flags(agent?.url));
  console.log(`rejoin-server listens on ${server.url}`);
  await foreground("npm", ["run", "dev", "--", ...args], environment);
  await server.stop();
  agent?.stop();
}

/** Returns the flags that the server needs for this example. */
function flags(agent) {
  const { rejoin = {} } = JSON.parse(readFileSync(join(root, "examples", name, "package.json"), "utf8"));
  const given = args.indexOf("--port");
  const port = given < 0 ? rejoin.port : args[given + 1];
  return (rejoin.server ?? []).map((flag) => flag.replace("{port}", port).replace("{agent}", agent));
}

/** Returns a secret that only this run knows. */
function secret(prefix) {
  return prefix + randomBytes(24).toString("base64");
}

/** Starts the example's Python agent in an environment of its own, if the example has one. */
async function startAgent() {
  const folder = join(root, "examples", name, "agent");
  if (!existsSync(folder)) return undefined;
  const place = join(targetDir, "examples", `${name}-python`);
  await step(`example-${name}-python`, { inputs: [`examples/${name}/agent/requirements.txt`], outputs: [] }, () => {
    run("python3", ["-m", "venv", place]);
    run(join(place, "bin/pip"), ["install", "--quiet", "--requirement", join(folder, "requirements.txt")]);
  });
  const port = await freePort();
  const child = spawn(join(place, "bin/uvicorn"), ["main:app", "--port", String(port)], { cwd: folder, stdio: "inherit" });
  process.once("exit", () => child.kill("SIGKILL"));
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill("SIGTERM") };
}

/** The package is packed and not linked: a link would add this repository's React to the example's own. */
async function install() {
  const inputs = ["dist", "package.json", `examples/${name}/package.json`];
  await step(`example-${name}`, { inputs, outputs: [`examples/${name}/node_modules/rejoin/package.json`] }, () => {
    const packs = join(targetDir, "examples");
    mkdirSync(packs, { recursive: true });
    const [{ filename }] = JSON.parse(output("npm", ["pack", "--json", "--silent", "--pack-destination", packs]));
    const cwd = join(root, "examples", name);
    run("npm", ["install", "--no-save", "--no-package-lock", "--prefer-offline", "--no-audit", "--no-fund", join(packs, filename)], { cwd });
  });
}

/** Runs a command in the foreground. Its output goes to ours, and its exit code ends this process. */
function foreground(command, given, env) {
  const child = spawn(command, given, { cwd: join(root, "examples", name), stdio: "inherit", env: { ...process.env, ...env } });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((done) => {
    child.on("exit", (code) => {
      process.exitCode = code ?? 1;
      done();
    });
  });
}
