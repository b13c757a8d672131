// `npm run setup`: installs what building and testing need and this machine lacks. It takes no time if nothing is missing. With
// the argument `build` it installs only what `npm start` needs.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, chromedriver, firefox, geckodriver, miniBrowser } from "./lib/browser.mjs";
import { setupCargoDeny } from "./dependencies.mjs";
import { found, output, root, run, succeed } from "./lib/run.mjs";
import { step } from "./lib/step.mjs";

const WASM = "wasm32-unknown-unknown";

/** Installs what turns the sources into the package and the demo. */
export async function setupBuild() {
  setupRust();
  await nodeModules();
}

/** Installs what compiles Rust, for this machine and for WebAssembly. */
export function setupRust() {
  need("cargo", "Install Rust with rustup (https://rustup.rs).");
  need("cc", "Install a C compiler, e.g. the package build-essential.", "build-essential");
  wasmTarget();
}

/** The suites that drive Firefox. */
const IN_FIREFOX = ["wasm", "tabs"];
/** The suites that install Python packages. */
const IN_PYTHON = ["agents", "dependencies", "docs"];

/** Installs what these suites need in addition. */
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

/** Installs the versions that the authors tested. If the registry's mirror lacks some, it installs what the mirror has. */
function cargoInstall(program) {
  try {
    run("cargo", ["install", program, "--locked"]);
  } catch {
    run("cargo", ["install", program]);
  }
}

/** These browsers have no headless mode, so they get a screen in memory. */
function setupWebKit() {
  if (!found("WebKitWebDriver") || !miniBrowser()) install("webkit2gtk-driver");
  if (!found("xvfb-run")) install("xvfb", "xauth");
}

/** Python packages are installed into environments of their own. */
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
  // scripts/build.mjs compiles the standard library with the package, which needs its sources.
  const sources = join(output("rustc", ["--print", "sysroot"]) ?? "", "lib/rustlib/src/rust/library/Cargo.toml");
  if (!existsSync(sources)) run("rustup", ["component", "add", "rust-src"]);
}

/**
 * `wasm-pack test` runs its tests with the program of wasm-bindgen, whose version has to equal that of the crate, because their
 * format is private to each release. It is installed without `--locked`: its lock file may name versions that a mirror of the
 * registry does not have yet.
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

/** Installs the npm packages that building and testing use. */
export async function nodeModules() {
  await step("node-modules", { inputs: ["package-lock.json"], outputs: ["node_modules/.package-lock.json"] }, () =>
    // Warnings are hidden: `ai` 7, which the tests and the demo use, asks for Node 22 and runs on Node 20.
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
