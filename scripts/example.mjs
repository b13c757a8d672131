// `npm run example NAME`: an example of examples/ on this tree. Builds the package and the server, installs the packed package
// into the example, starts the server, and then the example's `npm run dev` with the server's address in REJOIN_URL.
// Further arguments go to the example, e.g. `npm run example next-chat -- --port 4000`.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
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
  const server = await startServer(program);
  console.log(`rejoin-server listens on ${server.url}`);
  await foreground("npm", ["run", "dev", "--", ...args], { REJOIN_URL: server.url });
  await server.stop();
}

/** Packed and not linked: a link would bring the React of this repository beside the example's own. */
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

/** Its output is ours, and so is its end. */
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
