// Makes a folder outside the repository with the package as npm would install it, and processes that end with their test.

import { execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../../..");

/** The environment without what `npm test` sets for its own runs. */
const env = { ...process.env, NODE_OPTIONS: "", NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
delete env.NODE_TEST_CONTEXT;

/** The "exit" handlers below run only if an interrupted test run exits. */
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

/** This is not `npm ci`: a lock file names the binaries of all systems, and a registry's mirror may lack some of them. */
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

/** Returns whether a file is a source of an app, and not a product of running it. */
export function isSource(path) {
  return !/\/(node_modules|\.next|dist|next-env\.d\.ts)$/.test(path);
}

/** Runs a command to its end and resolves with its standard output. Rejects with all of its output if it fails. */
export function run(command, args, { cwd, env: more = {} } = {}) {
  return new Promise((done, failed) => {
    execFile(command, args, { cwd, env: { ...env, ...more }, maxBuffer: 64 << 20 }, (error, out, err) => {
      if (error) failed(new Error(`${command} ${args.join(" ")}: ${out}${err || error}`));
      else done(out);
    });
  });
}

/** Returns the path of a program that an app's dependencies install. */
export const bin = (folder, name) => join(folder, "node_modules/.bin", name);

/**
 * Starts a web server. Waits until it has printed its address and a line that matches `ready`.
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

/** Returns the dependencies in a package.json: version ranges by name. */
export function dependencies(file) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, "utf8"));
  return { ...dependencies, ...devDependencies };
}
