// `npm run build`: Rust → WebAssembly → glue → optimised bytes → ES modules and types, in dist/. A step is skipped if nothing
// that it reads has changed.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run, targetDir } from "./lib/run.mjs";
import { step } from "./lib/step.mjs";

const rustInputs = ["src", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"];
const entries = ["index", "slim", "workerd", "conversation", "react", "ai-sdk"];
/** The entry points that have types of their own, and the file of each below js/. */
const declared = { index: "index.d.ts", react: "react/index.d.ts", "ai-sdk": "ai-sdk/index.d.ts" };

/** The WebAssembly features that the engines of the baseline support (API.md, "Entry points"). */
const features = [
  "--enable-simd", "--enable-bulk-memory", "--enable-bulk-memory-opt", "--enable-reference-types",
  "--enable-sign-ext", "--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-multivalue",
];

/**
 * The passes of wasm-opt, in order. Nothing lies below address 1024, which is the end of the stack, and memory begins as zeros.
 * Functions with one caller are not inlined, above all the hot loop (src/stream/reader/intake.rs): with few locals each is named
 * in one byte, and similar code stays similar. scripts/glue/src/bin/arrange.rs orders the functions afterwards.
 */
const passes = [
  "--no-inline=*take_whole*", "--low-memory-unused", "--zero-filled-memory", "--one-caller-inline-max-function-size", "20", "-Oz", "--converge",
  "--strip-debug", "--strip-producers", "--strip-target-features",
];

/**
 * Compiles the standard library with the package, for size. A panic in it or in a dependency traps at once instead of formatting
 * a message that nobody reads, which saves 11 kB of download. `Debug` writes nothing, because no message for users contains its
 * output. This saves 4 kB. Panics carry no source locations. Crates share no generic functions, so that LLVM can inline those that
 * have a single caller. This saves 3 kB. The linker keeps constants in segments of their own, of which scripts/glue clears
 * those that nothing reads. The flags are unstable, so RUSTC_BOOTSTRAP enables them in the stable compiler. The sources
 * of the standard library are rustup's component rust-src.
 */
const smallStd = [
  "-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size",
  "--config", 'target.wasm32-unknown-unknown.rustflags=["-Zunstable-options", "-Cpanic=immediate-abort", "-Zfmt-debug=none", "-Zlocation-detail=none", "-Zshare-generics=no", "-Clink-arg=--no-merge-data-segments"]',
];

/** Builds the package into dist/. */
export async function build() {
  await step("glue", { inputs: [...rustInputs, "js/loader/bytes.wat", "scripts/build.mjs", "scripts/glue/src"], outputs: ["pkg/rejoin.js", "pkg/client.wasm", "pkg/bytes.wasm", "js/loader/generated.ts"] }, glue);
  await step("modules", { inputs: ["js", "pkg", "scripts/build.mjs", "package-lock.json"], outputs: entries.map((name) => `dist/${name}.js`) }, modules);
  await step("types", { inputs: ["js", "pkg/rejoin.d.ts", "tsconfig.json", "scripts/build.mjs", "scripts/declarations"], outputs: [...Object.keys(declared), "slim"].map((name) => `dist/${name}.d.ts`) }, types);
}

function glue() {
  const env = { ...process.env, RUSTC_BOOTSTRAP: "1" };
  run("cargo", ["build", "--profile", "wasm", "--target", "wasm32-unknown-unknown", "--lib", "--package", "rejoin", ...smallStd], { env });
  const built = join(targetDir, "wasm32-unknown-unknown/wasm/rejoin.wasm");
  run("cargo", ["run", "--quiet", "--profile", "test", "--package", "rejoin-glue", "--", built, "pkg"]);
  optimise(join(root, "pkg/rejoin_bg.wasm"), join(root, "pkg/optimised.wasm"));
  run("cargo", ["run", "--quiet", "--profile", "test", "--package", "rejoin-glue", "--bin", "arrange", "--", "pkg/optimised.wasm", "pkg/client.wasm"]);
  for (const name of ["rejoin_bg", "optimised"]) rmSync(join(root, `pkg/${name}.wasm`));
  optimise(join(root, "js/loader/bytes.wat"), join(root, "pkg/bytes.wasm"));
  // js/loader/link.ts replaces the generated entry, which would load the module by an import.
  renameSync(join(root, "pkg/rejoin_bg.js"), join(root, "pkg/rejoin.js"));
  moveTypes();
}

/**
 * Moves the enums and records that Rust declares from the generated JavaScript to js/loader/generated.ts, where esbuild inlines
 * the enums as numbers. So a number or a shape that both sides need exists once, in Rust.
 */
function moveTypes() {
  const [script, types] = ["pkg/rejoin.js", "pkg/rejoin.d.ts"].map((name) => join(root, name));
  const comment = String.raw`\/\*\*(?:(?!\*\/)[^])*\*\/\n`;
  writeFileSync(script, readFileSync(script, "utf8").replace(new RegExp(`^${comment}export const \\w+ = Object\\.freeze\\([^]*?\\n\\}\\);\n`, "gm"), ""));
  const moved = [];
  const move = (text) => (moved.push(text.trim()), "");
  const rest = readFileSync(types, "utf8").replace(/^\/\*\*(?:(?!\*\/)[^])*\*\/\nexport enum [^]*?\n\}/gm, move).replace(/^\/\/#region records\n([^]*?)^\/\/#endregion$/gm, (_, text) => move(text));
  const generated = moved.join("\n\n").replaceAll("\nexport enum", "\nexport const enum");
  const names = [...generated.matchAll(/^export (?:const enum|interface|type) (\w+)/gm)].map(([, name]) => name);
  writeFileSync(join(root, "js/loader/generated.ts"), `/** What Rust declares for both sides. Generated by scripts/build.mjs. */\n\n${generated}\n`);
  writeFileSync(types, `import type { ${names.join(", ")} } from "../js/loader/generated.js";\n${rest}`);
}

function change(name, edit) {
  const file = join(root, name);
  writeFileSync(file, edit(readFileSync(file, "utf8")));
}

function optimise(from, to) {
  const part = `${to}.part`;
  run(process.execPath, [join(root, "node_modules/binaryen/bin/wasm-opt"), from, "-o", part, ...passes, ...features]);
  renameSync(part, to);
}

/**
 * Makes Chrome compile all functions while the module loads, off the main thread, and not one by one at their first calls. The
 * first chunk arrives 10 ms sooner. This helps pages that load the files directly; bundlers drop comments.
 */
const eager = "//# allFunctionsCalledOnLoad";

async function modules() {
  // Imported here, because `npm start` installs it first.
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
    legalComments: "none",
    plugins: [bytesAsText],
  };
  await bundle({ ...common, entryPoints: ["js/index.ts", "js/slim.ts"], banner: { js: eager } });
  await bundle({ ...common, entryPoints: ["js/workerd.ts"], external: ["./client.wasm"] });
  await bundle({ ...common, entryPoints: { "ai-sdk": "js/ai-sdk/index.ts" } });
  await bundle({ ...common, entryPoints: { conversation: "js/conversation/index.ts" } });
  const plugins = [besideReact];
  await bundle({ ...common, plugins, entryPoints: { react: "js/react/index.ts" }, external: ["react"], banner: { js: '"use client";' } });
  copyFileSync(join(root, "pkg/client.wasm"), join(root, "dist/client.wasm"));
  for (const name of entries) await shorten(`dist/${name}.js`);
  for (const name of entries) change(`dist/${name}.js.map`, (map) => JSON.stringify(resolvable(JSON.parse(map))));
}

/**
 * What Terser rewrites. It inlines no functions, because that makes the apps of other bundlers larger, and it keeps comparisons in
 * one order, because that compresses better. Directives such as "use client" stay.
 */
const rewriting = { inline: 0, reduce_funcs: false, lhs_constants: false, directives: false };

/**
 * Minifies a module further than esbuild does. Above all Terser gives variables names that repeat from function to function. This
 * saves 0.7 kB of the download of slim.js. The text stays ASCII, so that no page reads it in another encoding.
 */
async function shorten(file) {
  // Imported here, because `npm start` installs it first.
  const { minify } = await import("terser");
  const [code, content] = [file, `${file}.map`].map((name) => readFileSync(join(root, name), "utf8"));
  const renamed = await minify(code, {
    module: true,
    compress: rewriting,
    format: { ecma: 2022, ascii_only: true, comments: new RegExp(eager.slice("//".length)) },
    sourceMap: { content, includeSources: true, filename: basename(file), url: `${basename(file)}.map` },
  });
  writeFileSync(join(root, file), renamed.code);
  writeFileSync(join(root, `${file}.map`), renamed.map);
}

/**
 * Completes a source map. The package does not contain the sources, so the map contains their text, except the bytes of the
 * WebAssembly, which lie beside it as a file. Their entry has a short text, because Turbopack reads a source that has none and
 * fails if it is not text.
 */
function resolvable(map) {
  map.sources.forEach((source, index) => {
    if (!source.endsWith(".wasm")) return;
    map.sources[index] = "client.wasm.txt";
    map.sourcesContent[index] = "The bytes of client.wasm as text: see js/loader/bytes.ts.\n";
  });
  return map;
}

/**
 * The hooks import `createConversation` from a file of its own. Importing it from `rejoin` would add the WebAssembly to apps that
 * use `rejoin/slim`.
 */
const besideReact = {
  name: "beside react",
  setup: ({ onResolve }) => onResolve({ filter: /\/conversation\/index\.js$/ }, () => ({ path: "./conversation.js", external: true })),
};

/** Turns the WebAssembly into a string, which js/loader/bytes.ts reads. */
const bytesAsText = {
  name: "bytes as text",
  setup: ({ onLoad }) => onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ loader: "json", contents: JSON.stringify(textOf(readFileSync(path))) })),
};

/**
 * Writes frequent bytes as one character and others as two. Base64 would be as long, but it shifts equal bytes to different
 * characters, so that a compressed module is a third larger with it.
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

async function types() {
  // Imported here, because `npm start` installs it first.
  const { bundleDeclarations } = await import("./declarations/bundle.mjs");
  removeTypes();
  const from = join(targetDir, "types");
  rmSync(from, { recursive: true, force: true });
  run(join(root, "node_modules/.bin/tsc"), ["--project", "tsconfig.json", "--outDir", from]);
  for (const [name, entry] of Object.entries(declared)) await bundleDeclarations({ from, entry, into: join(root, "dist"), name });
  writeFileSync(join(root, "dist/slim.d.ts"), 'export * from "./index.js";\n');
  copyFileSync(join(root, "js/loader/client.wasm.d.ts"), join(root, "dist/client.wasm.d.ts"));
}

/** Removes the declarations of an earlier build, because one whose source has moved would be published with the rest. */
function removeTypes() {
  for (const entry of readdirSync(join(root, "dist"), { withFileTypes: true })) {
    if (entry.isDirectory() || entry.name.endsWith(".d.ts")) rmSync(join(root, "dist", entry.name), { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await build();
