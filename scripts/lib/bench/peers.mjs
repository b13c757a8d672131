// The peers, from npm at fixed versions, and the modules and pages that measure, bundled with them.

import { join } from "node:path";
import { root, run, targetDir } from "../run.mjs";
import { step } from "../step.mjs";

export const out = join(targetDir, "bench");
const folder = join(root, "benches/peers");

export function installPeers() {
  const inputs = ["benches/peers/package.json", "benches/peers/package-lock.json"];
  return step("bench-peers", { inputs, outputs: ["benches/peers/node_modules/ai/package.json", "benches/peers/node_modules/react/package.json"] }, () => {
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  });
}

/** Writes the modules of the rows and the pages into `out`, minified as those of an app. */
export async function bundle() {
  const web = (names) => names.map((name) => join(root, "benches/web", name));
  await esbuild({ entryPoints: web(["rows.mjs", "memory.mjs", "first.mjs"]), outdir: out });
  const pages = web(["pages/before.mjs", "pages/rejoin.jsx", "pages/use-chat.jsx", "pages/handlers.jsx", "pages/reads.jsx", "pages/floor.jsx"]);
  await esbuild({ entryPoints: pages, outdir: out, minify: true });
}

/** Bundles with a single React, and with the built package. */
export async function esbuild(options) {
  const { build } = await import("esbuild");
  const dist = (name) => join(root, "dist", name);
  return build({
    absWorkingDir: root,
    nodePaths: [join(folder, "node_modules")],
    alias: {
      rejoin: dist("index.js"),
      "rejoin/slim": dist("slim.js"),
      "rejoin/react": dist("react.js"),
      ...(options.external ? {} : { react: join(folder, "node_modules/react"), "react-dom": join(folder, "node_modules/react-dom") }),
    },
    define: { "process.env.NODE_ENV": '"production"' },
    jsx: "automatic",
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
    outExtension: { ".js": ".mjs" },
    ...options,
  });
}
