// `npm run release -- X.Y.Z`: goes from a clean, tested tree to a commit and a tag. It prints the commands that publish, and
// leaves them to a person. With `--dry-run` it runs the same checks, prints the changes and makes none.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PLACEHOLDER, VERSIONED, follows, isVersion, versionsIn, withRelease, withVersion } from "./lib/release.mjs";

class Refusal extends Error {}

const { version, isDry } = readArguments(process.argv.slice(2));

try {
  requireClean();
  requireNext();
  requireAddresses();
  const changes = planned();
  requireGreen();
  if (isDry) console.log(`Would change ${changes.map(({ file }) => file).join(", ")}, commit, and tag v${version}.`);
  else commit(changes);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function readArguments(given) {
  const [version, ...others] = given.filter((argument) => argument !== "--dry-run");
  if (isVersion(version ?? "") && others.length === 0) return { version, isDry: given.includes("--dry-run") };
  console.error("Usage: npm run release -- X.Y.Z [--dry-run]");
  process.exit(2);
}

function requireClean() {
  const changed = git("status", "--porcelain");
  if (changed) throw new Refusal(`The tree is not clean:\n${changed}`);
}

/** The first release may have the version that the files have already. */
function requireNext() {
  const current = JSON.parse(readFileSync("package.json", "utf8")).version;
  const tags = git("tag", "--list", "v*").split("\n").filter(Boolean);
  if (tags.includes(`v${version}`)) throw new Refusal(`v${version} is tagged already`);
  const isFirst = tags.length === 0 && version === current;
  if (!isFirst && !follows(version, current)) throw new Refusal(`${version} does not follow ${current}`);
}

/** A dry run continues, and prints what is missing. */
function requireAddresses() {
  if (!readFileSync("package.json", "utf8").includes(PLACEHOLDER)) return;
  const missing = `package.json names ${PLACEHOLDER}: put the addresses of the repository there (repository, homepage, bugs), and the author.`;
  if (!isDry) throw new Refusal(missing);
  console.log(missing);
}

/** @returns {{ file: string, text: string }[]} */
function planned() {
  const changes = [...VERSIONED, ...examples()].filter((file) => existsSync(file)).map((file) => {
    const text = readFileSync(file, "utf8");
    versionsIn(file, text);
    return { file, text: withVersion(file, text, version) };
  });
  const log = readFileSync("CHANGELOG.md", "utf8");
  try {
    return [...changes, { file: "CHANGELOG.md", text: withRelease(log, version, new Date().toISOString().slice(0, 10)) }];
  } catch (error) {
    throw new Refusal(error.message);
  }
}

function examples() {
  if (!existsSync("examples")) return [];
  return readdirSync("examples").map((name) => join("examples", name, "package.json"));
}

/** Runs all checks of CI on this commit, including the dry runs of both publishes. */
function requireGreen() {
  const { status } = spawnSync("npm", ["test"], { stdio: "inherit" });
  if (status !== 0) throw new Refusal("npm test failed: nothing was changed");
}

function commit(changes) {
  for (const { file, text } of changes) writeFileSync(file, text);
  git("add", "--", ...changes.map(({ file }) => file));
  git("commit", "--quiet", "--message", `Release ${version}`);
  git("tag", "--annotate", `v${version}`, "--message", `rejoin ${version}`);
  packServer();
  console.log(`Tagged v${version}. Next:\n  git push --follow-tags\n  npm publish\n  cargo publish --package rejoin`);
  console.log("  npm publish target/npm/rejoin-server-MACHINE.tgz of each machine (.github/workflows/release.yml), then rejoin-server's");
}

/** Packs the server's packages for this machine. If this fails, it can be repeated, because the version is tagged. */
function packServer() {
  const { status } = spawnSync("npm", ["run", "pack:server"], { stdio: "inherit" });
  if (status !== 0) console.error("The server was not packed. Run `npm run pack:server`.");
}

function git(...args) {
  return execFileSync("git", args, { encoding: "utf8" }).trimEnd();
}
