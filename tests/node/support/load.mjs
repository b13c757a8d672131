// Loads a TypeScript module of js/ that needs no WebAssembly and is not exported by the package.

import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

/** Returns the exports of `js/<name>.ts`. */
export async function load(name) {
  const entry = fileURLToPath(new URL(`../../../js/${name}.ts`, import.meta.url));
  const { outputFiles } = buildSync({ entryPoints: [entry], bundle: true, write: false, format: "esm", target: "es2022" });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
