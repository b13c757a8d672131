// `npm run build`: Rust → WebAssembly → glue → optimised bytes → ES modules and types, in dist/.
// Each step is skipped when nothing that it reads has changed.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, targetDir } from "./lib/run.mjs";
import { step } from "./lib/step.mjs";

const rustInputs = ["src", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"];
const entries = ["index", "slim", "react", "ai-sdk"];
/** Entry points whose sources have a folder of their own: the types beside `dist/NAME.js` refer to those of its `index.ts`. */
const foldered = ["react", "ai-sdk"];

/** What WebAssembly the engines of the baseline run (API.md, "Entry points"). */
const features = [
  "--enable-simd", "--enable-bulk-memory", "--enable-bulk-memory-opt", "--enable-reference-types",
  "--enable-sign-ext", "--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-multivalue",
];

/**
 * What wasm-opt does, in order. Nothing lies below 1024, where the far end of the stack is, and memory begins as zeros.
 * Functions with one caller stay functions, the hot loop (src/reader.rs) above all: their locals are few, so that each is
 * named in a byte, and what is alike looks alike. They go by their names, so that those of one module lie side by side for
 * the compressor.
 */
const passes = [
  "--no-inline=*take_whole*", "--low-memory-unused", "--zero-filled-memory", "--one-caller-inline-max-function-size", "20", "-Oz", "--converge",
  "--reorder-functions-by-name", "--strip-debug", "--strip-producers", "--strip-target-features",
];

/** Builds the package into dist/. */
export async function build() {
  await step("glue", { inputs: [...rustInputs, "js/loader/bytes.wat", "scripts/build.mjs"], outputs: ["pkg/rejoin.js", "pkg/client.wasm", "pkg/bytes.wasm"] }, glue);
  await step("modules", { inputs: ["js", "pkg", "scripts/build.mjs", "package-lock.json"], outputs: entries.map((name) => `dist/${name}.js`) }, modules);
  await step("types", { inputs: ["js", "pkg/rejoin.d.ts", "tsconfig.json"], outputs: entries.map((name) => `dist/${name}.d.ts`) }, types);
}

function glue() {
  run("cargo", ["build", "--profile", "wasm", "--target", "wasm32-unknown-unknown", "--lib", "--package", "rejoin"]);
  const built = join(targetDir, "wasm32-unknown-unknown/wasm/rejoin.wasm");
  // Without a default path the glue has no `import.meta.url`, which bundlers would follow to a file that is inlined.
  run("wasm-bindgen", [built, "--target", "web", "--omit-default-module-path", "--out-dir", "pkg", "--out-name", "rejoin"]);
  optimise(join(root, "pkg/rejoin_bg.wasm"), join(root, "pkg/client.wasm"));
  rmSync(join(root, "pkg/rejoin_bg.wasm"));
  optimise(join(root, "js/loader/bytes.wat"), join(root, "pkg/bytes.wasm"));
  change("pkg/rejoin.js", shielded);
  change("pkg/rejoin.js", unloaded);
  change("pkg/rejoin.d.ts", unloadedTypes);
}

/** Replaces a part of the generated glue, which has to be there. */
function change(name, [part, replacement]) {
  const file = join(root, name);
  const glue = readFileSync(file, "utf8");
  if (!glue.includes(part)) throw new Error(`wasm-bindgen's glue has changed: ${name} has no ${part}`);
  writeFileSync(file, glue.replace(part, () => replacement));
}

/** js/loader/wasm.ts loads by itself: of all the ways in which the glue can, none is left for the bundler to keep. */
const unloaded = ["export { initSync, __wbg_init as default };", "export { __wbg_get_imports as imports, __wbg_finalize_init as link };"];
const unloadedTypes = [
  "export type SyncInitInput =",
  `/** What the module imports. */
export function imports(): WebAssembly.Imports;

/** Makes an instance the one that everything here calls. */
export function link(instance: WebAssembly.Instance, module?: WebAssembly.Module): InitOutput;

export type SyncInitInput =`,
];

/**
 * V8 compiles hot calls of WebAssembly into the JavaScript that makes them, and that of Node 20 ends the process
 * ("unreachable code", in the deoptimiser) when it has to take such code back. It leaves calls of a proxy alone.
 */
const shielded = [
  "wasm = instance.exports;",
  'wasm = Object.fromEntries(Object.entries(instance.exports).map(([name, value]) => [name, typeof value === "function" ? new Proxy(value, {}) : value]));',
];

function optimise(from, to) {
  const part = `${to}.part`;
  run(process.execPath, [join(root, "node_modules/binaryen/bin/wasm-opt"), from, "-o", part, ...passes, ...features]);
  renameSync(part, to);
}

/**
 * Chrome then compiles all functions while the module loads, off the main thread, and not one by one at their first calls:
 * the first chunk comes 10 ms sooner. For those who load the files as they are; bundlers drop comments.
 */
const eager = "//# allFunctionsCalledOnLoad";

async function modules() {
  // Only now: `npm start` installs it first.
  const { build: bundle } = await import("esbuild");
  mkdirSync(join(root, "dist"), { recursive: true });
  const common = {
    absWorkingDir: root,
    outdir: "dist",
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    sourcemap: true,
    // The bytes are in the module as it is; a map would hold them again.
    sourcesContent: false,
    legalComments: "none",
    plugins: [bytesAsText],
  };
  await bundle({ ...common, entryPoints: ["js/index.ts", "js/slim.ts"], banner: { js: eager } });
  await bundle({ ...common, entryPoints: { "ai-sdk": "js/ai-sdk/index.ts" } });
  await bundle({ ...common, entryPoints: { react: "js/react/index.ts" }, external: ["react"], banner: { js: '"use client";' } });
  copyFileSync(join(root, "pkg/client.wasm"), join(root, "dist/client.wasm"));
}

/** The WebAssembly as a string: see js/loader/bytes.ts, which reads it. */
const bytesAsText = {
  name: "bytes as text",
  setup: ({ onLoad }) => onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ loader: "json", contents: JSON.stringify(textOf(readFileSync(path))) })),
};

/**
 * Frequent bytes are one character and the others two. Base64 would be as long, but it shifts what is alike to where it
 * looks different, so that a compressed module with it is a third larger.
 */
function textOf(bytes) {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]++;
  const ranked = Array.from(counts.keys()).sort((a, b) => counts[b] - counts[a]);
  const characters = Array.from({ length: 94 }, (_, index) => String.fromCharCode(index + 33)).filter((character) => !"\"'\\`$<&".includes(character));
  const [escape, ...plain] = characters;
  const codes = [];
  ranked.forEach((byte, rank) => {
    const far = rank - plain.length;
    codes[byte] = far < 0 ? plain[rank] : escape.repeat(Math.floor(far / plain.length) + 1) + plain[far % plain.length];
  });
  const table = ranked.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { escape, plain: plain.join(""), table, text: Array.from(bytes, (byte) => codes[byte]).join(""), reader: readFileSync(join(root, "pkg/bytes.wasm"), "base64") };
}

function types() {
  removeTypes();
  run(join(root, "node_modules/.bin/tsc"), ["--project", "tsconfig.json"]);
  for (const name of foldered) writeFileSync(join(root, `dist/${name}.d.ts`), `export * from "./${name}/index.js";\n`);
  copyFileSync(join(root, "js/loader/client.wasm.d.ts"), join(root, "dist/client.wasm.d.ts"));
}

/** Removes what an earlier build declared: a declaration whose source has moved would be published with the rest. */
function removeTypes() {
  for (const entry of readdirSync(join(root, "dist"), { withFileTypes: true })) {
    if (entry.isDirectory() || entry.name.endsWith(".d.ts")) rmSync(join(root, "dist", entry.name), { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await build();
