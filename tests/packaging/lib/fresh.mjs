// A fresh folder outside the repository with the package in it as npm would deliver it, and processes that end with their test.

import { execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../../..");

/** What `npm test` set for its own runs is no business of an app's. */
const env = { ...process.env, NODE_OPTIONS: "", NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
delete env.NODE_TEST_CONTEXT;

/** What `process.once("exit", …)` below ends and removes goes also when a test run is interrupted. */
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** Not `npm ci`: a lock file names the binaries of all systems, and a registry's mirror may lack those of some. */
const QUIET = ["--no-audit", "--no-fund", "--loglevel", "error", "--prefer-offline"];

/**
 * Copies `from` into a new folder, installs what its lock file says, and then the packed package.
 * @returns {Promise<{ folder: string, remove: () => void }>}
 */
export async function freshFolder(from) {
  const folder = mkdtempSync(join(tmpdir(), "rejoin-consumers-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  cpSync(from, folder, { recursive: true, filter: isSource });
  const [{ filename }] = JSON.parse(await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: root }));
  await run("npm", ["install", "--no-save", ...QUIET, join(folder, filename)], { cwd: folder });
  return { folder, remove };
}

/** Whether a file belongs to an app, and was not made by running it. */
export function isSource(path) {
  return !/\/(node_modules|\.next|dist|next-env\.d\.ts)$/.test(path);
}

/** Runs a command to its end and gives its standard output; rejects with all it said when it fails. */
export function run(command, args, { cwd, env: more = {} } = {}) {
  return new Promise((done, failed) => {
    execFile(command, args, { cwd, env: { ...env, ...more }, maxBuffer: 64 << 20 }, (error, out, err) => {
      if (error) failed(new Error(`${command} ${args.join(" ")}: ${out}${err || error}`));
      else done(out);
    });
  });
}

/** The path of a program that an app's dependencies bring. */
export const bin = (folder, name) => join(folder, "node_modules/.bin", name);

/**
 * Starts a web server; waits until it has said its address and what `ready` fits.
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function serve(command, args, { cwd, ready = /Local:/, env: more = {} }) {
  const child = spawn(command, args, { cwd, env: { ...env, NO_COLOR: "1", ...more }, stdio: ["ignore", "pipe", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise((done) => child.once("exit", done));
  const stop = async () => {
    kill(); // Asked to end, Next waits for its open connections.
    await ended;
    process.off("exit", kill);
  };
  return { url: await address(child, ended, ready), stop };
}

function address(child, ended, ready) {
  return new Promise((done, failed) => {
    let said = "";
    const read = (text) => {
      said += text;
      const url = /http:\/\/(localhost|127\.0\.0\.1):\d+/.exec(said)?.[0];
      if (url && ready.test(said)) done(url);
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    ended.then((code) => failed(new Error(`${child.spawnargs.join(" ")} ended with ${code}: ${said}`)));
  });
}

/** What a package.json asks for: ranges by name. */
export function dependencies(file) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, "utf8"));
  return { ...dependencies, ...devDependencies };
}
