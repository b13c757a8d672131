// Bundles the app in both states, each as a page: /before/ and /after/.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

export const root = resolve(import.meta.dirname, "../../..");
export const app = resolve(import.meta.dirname, "../app");
export const STATES = ["before", "after"];

const PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Chat</title><div id="root"></div><script type="module" src="app.js"></script></html>';

/** @returns {Promise<string>} The folder to serve. */
export async function buildApp() {
  const folder = join(root, "target/copilot/app");
  rmSync(folder, { recursive: true, force: true });
  for (const state of STATES) {
    mkdirSync(join(folder, state), { recursive: true });
    writeFileSync(join(folder, state, "index.html"), PAGE);
    await bundle(state, { outfile: join(folder, state, "app.js") });
  }
  return folder;
}

/** Bundles the code of a state as it is shipped. `external` names packages that are left out. */
export function bundle(state, options) {
  return build({
    entryPoints: [join(app, state, "main.tsx")],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
    ...options,
  });
}
