// `npm run setup`: installs what building and testing need and this machine lacks. Takes no time when all is there.
// With `build` as its argument: only what `npm start` needs.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, chromedriver, firefox, geckodriver, miniBrowser } from "./lib/browser.mjs";
import { setupCargoDeny } from "./dependencies.mjs";
import { found, output, root, run, succeed } from "./lib/run.mjs";
import { step } from "./lib/step.mjs";

const WASM = "wasm32-unknown-unknown";

/** What turns the sources into the package and the demo. */
export async function setupBuild() {
  setupRust();
  await nodeModules();
}

/** What compiles Rust, for this machine and for WebAssembly. */
export function setupRust() {
  need("cargo", "Install Rust with rustup (https://rustup.rs).");
  need("cc", "Install a C compiler, e.g. the package build-essential.", "build-essential");
  wasmTarget();
}

/** Suites that drive Firefox. */
const IN_FIREFOX = ["wasm", "tabs"];
/** Suites that install packages of Python's. */
const IN_PYTHON = ["agents", "dependencies", "docs"];

/** And what these suites need beside. */
export async function setupTests(suites = IN_FIREFOX) {
  await setupBuild();
  components();
  if (suites.includes("wasm")) setupWasmPack();
  if (!chromium()) install("chromium");
  if (!chromedriver()) install("chromium-driver");
  if (!found("redis-server")) install("redis-server");
  if (!found("valgrind")) install("valgrind");
  if (suites.some((suite) => IN_FIREFOX.includes(suite))) setupFirefox();
  if (suites.includes("webkit")) setupWebKit();
  if (suites.some((suite) => IN_PYTHON.includes(suite))) setupPython();
  if (suites.includes("dependencies")) setupCargoDeny();
}

function setupWasmPack() {
  wasmBindgen();
  if (!found("wasm-pack")) run("cargo", ["install", "wasm-pack", "--locked"]);
}

function setupFirefox() {
  if (!firefox()) install("firefox-esr");
  if (!geckodriver()) cargoInstall("geckodriver");
}

/** As its authors tried it; where a registry's mirror does not have all of that yet, with what it has. */
function cargoInstall(program) {
  try {
    run("cargo", ["install", program, "--locked"]);
  } catch {
    run("cargo", ["install", program]);
  }
}

/** Its browsers have no headless mode: they get a screen in memory. */
function setupWebKit() {
  if (!found("WebKitWebDriver") || !miniBrowser()) install("webkit2gtk-driver");
  if (!found("xvfb-run")) install("xvfb", "xauth");
}

/** Their packages go into environments of their own. */
function setupPython() {
  if (output("python3", ["-c", "import ensurepip, venv; print('venv')"]) !== "venv") install("python3", "python3-venv");
}

function need(program, advice, ...packages) {
  if (found(program)) return;
  if (packages.length === 0) throw new Error(`${program} is missing. ${advice}`);
  install(...packages);
}

function wasmTarget() {
  const libraries = output("rustc", ["--print", "target-libdir", "--target", WASM]);
  if (!libraries || !existsSync(libraries)) run("rustup", ["target", "add", WASM]);
  // scripts/build.mjs compiles the standard library with the package.
  const sources = join(output("rustc", ["--print", "sysroot"]) ?? "", "lib/rustlib/src/rust/library/Cargo.toml");
  if (!existsSync(sources)) run("rustup", ["component", "add", "rust-src"]);
}

/**
 * `wasm-pack test` runs its tests with wasm-bindgen's program, which has to be of the same exact version as the crate:
 * their format is private to each release. Not `--locked`: its lock file may name versions that a mirror of the registry
 * does not have yet.
 */
function wasmBindgen() {
  const [, wanted] = /name = "wasm-bindgen"\nversion = "([^"]+)"/.exec(readFileSync(join(root, "Cargo.lock"), "utf8")) ?? [];
  const present = output("wasm-bindgen", ["--version"])?.split(" ")[1];
  if (present !== wanted) run("cargo", ["install", "wasm-bindgen-cli", "--version", wanted, "--force"]);
}

function components() {
  if (!found("cargo-clippy")) run("rustup", ["component", "add", "clippy"]);
  if (!found("cargo-fmt")) run("rustup", ["component", "add", "rustfmt"]);
}

/** The packages of the npm registry that building and testing use. */
export async function nodeModules() {
  await step("node-modules", { inputs: ["package-lock.json"], outputs: ["node_modules/.package-lock.json"] }, () =>
    // Not its warnings: `ai` 7, which the tests and the demo use, asks for Node 22 and runs on Node 20.
    succeed("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]),
  );
}

function install(...packages) {
  if (!found("apt-get")) throw new Error(`Install ${packages.join(", ")} with this system's package manager.`);
  const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const apt = (...args) => {
    const [command, ...rest] = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    run(command, rest);
  };
  apt("update", "-q");
  apt("install", "-qy", "--no-install-recommends", ...packages);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await (process.argv[2] === "build" ? setupBuild() : setupTests());
}
