// `npm run pack:server`: the npm packages of the server, packed into target/npm: `rejoin-server`, which picks the program,
// and `rejoin-server-MACHINE` with the program for this machine, built for release. With `--main` or `--program` only one.

import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PLATFORMS, here } from "../npm/platforms.mjs";
import { output, root, run, targetDir } from "./lib/run.mjs";

const LICENCES = ["LICENSE-APACHE", "LICENSE-MIT"];
const packageOf = (machine) => `rejoin-server-${machine}`;

/**
 * Packs `rejoin-server`. The package of each machine is an optional dependency with exactly this version.
 * @returns {string} the path of the tarball
 */
export function packMain(destination) {
  const source = join(root, "npm/server");
  const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  const optionalDependencies = Object.fromEntries(Object.keys(PLATFORMS).map((machine) => [packageOf(machine), manifest.version]));
  return pack("rejoin-server", { ...manifest, optionalDependencies }, destination, (folder) => cpSync(source, folder, { recursive: true }));
}

/** Packs the program for this machine. @returns {string} the path of the tarball */
export function packProgram(program, destination) {
  const platform = PLATFORMS[here];
  if (!platform) throw new Error(`No package is made for ${here}: ${Object.keys(PLATFORMS).join(", ")}`);
  const { version, license } = JSON.parse(readFileSync(join(root, "npm/server/package.json"), "utf8"));
  const manifest = {
    name: packageOf(here),
    version,
    description: `The program of rejoin-server for ${here}`,
    license,
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc && { libc: [platform.libc] }),
    files: ["rejoin-server"],
  };
  return pack(packageOf(here), manifest, destination, (folder) => {
    copyFileSync(program, join(folder, "rejoin-server"));
    chmodSync(join(folder, "rejoin-server"), 0o755);
  });
}

function pack(name, manifest, destination, fill) {
  const folder = join(targetDir, "npm-stage", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  mkdirSync(destination, { recursive: true });
  fill(folder);
  for (const file of LICENCES) copyFileSync(join(root, file), join(folder, file));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ ...manifest, files: [...manifest.files, ...LICENCES] }, null, 2)}\n`);
  const said = output("npm", ["pack", "--json", "--silent", "--pack-destination", destination], { cwd: folder });
  if (!said) throw new Error(`npm pack failed in ${folder}`);
  rmSync(folder, { recursive: true });
  return join(destination, JSON.parse(said)[0].filename);
}

function main(given) {
  const destination = join(targetDir, "npm");
  const wants = (what) => given.length === 0 || given.includes(what);
  if (wants("--main")) console.log(packMain(destination));
  if (!wants("--program")) return;
  // Debug information is four fifths of the program.
  const env = { ...process.env, CARGO_PROFILE_RELEASE_STRIP: "debuginfo" };
  run("cargo", ["build", "--package", "rejoin-server", "--release", "--locked"], { env });
  console.log(packProgram(join(targetDir, "release/rejoin-server"), destination));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
