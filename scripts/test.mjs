// `npm test`: runs all checks, the fastest to fail first. Names as arguments run only those, for example `npm test -- node wasm`.
// It ends with the true count: `N passed, N failed`.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { chromedriver, chromium, geckodriver } from "./lib/browser.mjs";
import { checkDependencies } from "./dependencies.mjs";
import { checkInstructions } from "./instructions.mjs";
import { freePort } from "./lib/port.mjs";
import { buildDemo, buildServer, checkDemo } from "./lib/products.mjs";
import { follow, root, run } from "./lib/run.mjs";
import { startServer } from "./lib/server.mjs";
import { setupTests } from "./setup.mjs";
import { checkSizes } from "./size.mjs";

const WASM = ["--target", "wasm32-unknown-unknown"];
const STRICT = ["--", "-D", "warnings"];

/** The suites by name, with the function that runs each. A suite that reports a number of tests counts as that many. */
const suites = {
  format: () => run("cargo", ["fmt", "--all", "--check"]),
  clippy: () => {
    run("cargo", ["clippy", "--workspace", "--all-targets", ...STRICT]);
    run("cargo", ["clippy", ...WASM, "--package", "rejoin", "--lib", "--tests", ...STRICT]);
  },
  rustdoc: () => {
    const env = { ...process.env, RUSTDOCFLAGS: "-D warnings" };
    run("cargo", ["doc", "--workspace", "--no-deps", "--quiet"], { env });
    run("cargo", ["doc", ...WASM, "--package", "rejoin", "--no-deps", "--quiet"], { env });
  },
  dependencies: () => checkDependencies(),
  rust: () => counted("cargo", ["test", "--workspace", "--no-fail-fast"]),
  cluster: () => counted("cargo", ["test", "--package", "rejoin-server", "--test", "server", "--", "--ignored", "cluster::"]),
  build: () => build(),
  demo: () => buildDemo(),
  types: () => checkDemo(),
  reference: () => run(process.execPath, ["scripts/reference/build.mjs", "--check"]),
  server: async () => {
    process.env.REJOIN_SERVER = await buildServer();
  },
  size: async () => held("over budget", await checkSizes()),
  instructions: () => held("slower than benches/instructions.json", checkInstructions()),
  node: () => nodeTests("tests/node"),
  "ai-sdk": () => nodeTests("tests/ai-sdk"),
  agents: () => nodeTests("tests/agents"),
  wasm: wasmTests,
  packaging: () => nodeTests("tests/packaging"),
  e2e: () => nodeTests("tests/e2e"),
  copilot: () => nodeTests("tests/copilot"),
  docs: () => nodeTests("tests/docs"),
  frameworks: () => nodeTests("tests/frameworks"),
  tabs: () => nodeTests("tests/tabs", (name) => !name.startsWith("webkit")),
  webkit: () => nodeTests("tests/tabs", (name) => name.startsWith("webkit")),
};

/** The suites that run only if they are named. */
const ON_DEMAND = ["webkit", "cluster"];

/** What a suite needs to have run before. */
const needs = {
  demo: ["build"],
  types: ["build"],
  size: ["build"],
  node: ["build"],
  "ai-sdk": ["build", "server"],
  agents: ["build", "server"],
  wasm: ["server"],
  reference: ["build"],
  packaging: ["build", "server"],
  e2e: ["build", "demo", "server"],
  copilot: ["build", "server"],
  docs: ["build", "server"],
  frameworks: ["build"],
  tabs: ["build", "demo", "server"],
  webkit: ["build", "demo", "server"],
};

async function main(names) {
  const chosen = names.length > 0 ? withNeeds(names) : Object.keys(suites).filter((name) => !ON_DEMAND.includes(name));
  await setupTests(chosen);
  process.env.CHROMIUM ??= chromium();
  const verdicts = [];
  for (const name of chosen) {
    verdicts.push(await verdict(name, verdicts));
  }
  report(verdicts);
}

function withNeeds(names) {
  const unknown = names.find((name) => !(name in suites));
  if (unknown) throw new Error(`No suite is called ${unknown}: ${Object.keys(suites).join(", ")}`);
  const wanted = new Set(names.flatMap((name) => [...(needs[name] ?? []), name]));
  return Object.keys(suites).filter((name) => wanted.has(name));
}

async function verdict(name, before) {
  const missing = (needs[name] ?? []).find((need) => before.find((other) => other.name === need)?.failed);
  if (missing) return { name, passed: 0, failed: 1, seconds: 0, why: `not run, because ${missing} failed` };
  console.log(`\n== ${name}`);
  const started = performance.now();
  const result = await attempt(suites[name]);
  return { name, seconds: Math.round((performance.now() - started) / 1000), ...result };
}

async function attempt(suite) {
  try {
    return (await suite()) ?? { passed: 1, failed: 0 };
  } catch (error) {
    console.error(String(error?.stack ?? error));
    return { passed: 0, failed: 1, why: String(error?.message ?? error) };
  }
}

function report(verdicts) {
  console.log();
  for (const { name, passed, failed, seconds, why } of verdicts) {
    console.log(`${failed ? "FAILED" : "ok    "} ${name.padEnd(10)} ${passed} passed, ${failed} failed, ${seconds} s${why ? ` (${why})` : ""}`);
  }
  const sum = (key) => verdicts.reduce((all, one) => all + one[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  process.exitCode = sum("failed") === 0 ? 0 : 1;
}

/** Runs a test program and reads its own counts. A program that fails counts as at least one failure, whatever it prints. */
async function counted(command, args, options) {
  const { code, text } = await follow(command, args, options);
  const plain = text.replace(/\x1b\[[0-9;]*m/g, "");
  const all = (pattern) => [...plain.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  const passed = all(/^test result: .*?(\d+) passed/gm) + all(/^(?:ℹ|#) pass (\d+)$/gm);
  const failed = all(/^test result: .*?(\d+) failed/gm) + all(/^(?:ℹ|#) fail (\d+)$/gm) + all(/^(?:ℹ|#) cancelled (\d+)$/gm);
  if (code !== 0) return { passed, failed: Math.max(failed, 1), why: `${command} ended with ${code}` };
  if (passed + failed === 0) return { passed, failed: 1, why: "no test ran" };
  return { passed, failed };
}

/** Passes unless a value exceeds its limit. */
function held(why, exceeding) {
  if (exceeding.length > 0) throw new Error(`${why}: ${exceeding.join(", ")}`);
}

function nodeTests(folder, isMeant = () => true) {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.mjs") && isMeant(name)).sort();
  return counted(process.execPath, ["--test", "--test-reporter=spec", ...files.map((name) => join(folder, name))]);
}

/** Runs the tests of the shell in two real browsers, one after the other. */
async function wasmTests() {
  const inChromium = await wasmTestsIn("--chrome", "--chromedriver", chromedriver());
  const inFirefox = await wasmTestsIn("--firefox", "--geckodriver", geckodriver());
  const why = [inChromium, inFirefox].map((one) => one.why).filter(Boolean).join("; ");
  return { passed: inChromium.passed + inFirefox.passed, failed: inChromium.failed + inFirefox.failed, ...(why && { why }) };
}

/** Runs them against a real server, which has to allow the origin of the browser's page. */
async function wasmTestsIn(...browser) {
  const address = `127.0.0.1:${await freePort()}`;
  const server = await startServer(process.env.REJOIN_SERVER, "--allow-origin", `http://${address}`);
  const pump = await bundledPump();
  try {
    return await counted("wasm-pack", ["test", "--headless", ...browser, "--mode", "no-install", ".", "--lib"], {
      env: { ...process.env, WASM_BINDGEN_TEST_ADDRESS: address, REJOIN_TEST_URL: server.url, REJOIN_TEST_PUMP: pump, WASM_BINDGEN_TEST_TIMEOUT: "120" },
    });
  } finally {
    await server.stop();
  }
}

/** Bundles the code that reads bodies for the shell, as one script that defines `pump`. */
async function bundledPump() {
  const { build: bundle } = await import("esbuild");
  const options = { entryPoints: ["js/streams/pump.ts"], absWorkingDir: root, bundle: true, write: false, format: "iife", globalName: "pump", minify: true };
  const { outputFiles } = await bundle({ ...options, target: "es2022", charset: "ascii" });
  return outputFiles[0].text.trim();
}

await main(process.argv.slice(2));
