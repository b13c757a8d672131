// `npm start`: installs what is missing, builds the package, the demo and the server, and serves them.
// Arguments go to the server, e.g. `npm start -- --listen 0.0.0.0:8787`.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { build } from "./build.mjs";
import { buildDemo, buildServer } from "./lib/products.mjs";
import { root } from "./lib/run.mjs";
import { setupBuild } from "./setup.mjs";

await setupBuild();
await build();
await buildDemo();
serve(buildServer(), ["--www", join(root, "www/dist"), ...process.argv.slice(2)]);

/** In the foreground: its output is ours, and so is its end. */
function serve(program, flags) {
  const child = spawn(program, flags, { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => process.exit(code ?? 1));
}
