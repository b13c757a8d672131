// `npm run coverage`: prints for each file how many lines of the core its native tests run, and the sum. With `--html` it also
// writes the lines themselves to target/coverage/html.

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { output, root, run, targetDir } from "./lib/run.mjs";

const SEEDS = process.env.REJOIN_SEEDS ?? "1000";
const folder = join(targetDir, "coverage");
const profiles = join(folder, "profiles");
const merged = join(folder, "merged.profdata");
/** The shell is not included, because it needs a browser and is tested there. */
const NOT_CORE = "(tests|registry|rustc|browser|bindings)/|/tests\\.rs$";

const env = {
  ...process.env,
  CARGO_TARGET_DIR: folder,
  CARGO_INCREMENTAL: "0",
  LLVM_PROFILE_FILE: join(profiles, "%p-%m.profraw"),
  REJOIN_SEEDS: SEEDS,
  RUSTFLAGS: "-C instrument-coverage",
};

/** Returns the LLVM program that fits this compiler. rustup installs it. */
function llvm(program) {
  const libraries = output("rustc", ["--print", "target-libdir"]);
  const path = join(libraries, "../bin", program);
  if (output(path, ["--version"]) === undefined) run("rustup", ["component", "add", "llvm-tools"]);
  return path;
}

/** Builds the tests and returns their paths. */
function testPrograms() {
  const args = ["test", "--package", "rejoin", "--lib", "--tests"];
  run("cargo", [...args, "--no-run"], { env });
  const lines = output("cargo", [...args, "--no-run", "--message-format=json"], { env }).split("\n");
  return lines.map((line) => JSON.parse(line)).filter(({ executable, profile }) => executable && profile?.test).map(({ executable }) => executable);
}

function report(programs) {
  const objects = programs.flatMap((program, nth) => (nth === 0 ? [program] : ["-object", program]));
  const about = [...objects, `-instr-profile=${merged}`, `-ignore-filename-regex=${NOT_CORE}`];
  run(llvm("llvm-cov"), ["report", "-show-region-summary=false", "-show-branch-summary=false", ...about]);
  if (process.argv[2] === "--html") run(llvm("llvm-cov"), ["show", "-format=html", `-output-dir=${join(folder, "html")}`, ...about]);
}

rmSync(profiles, { recursive: true, force: true });
mkdirSync(profiles, { recursive: true });
const programs = testPrograms();
for (const program of programs) run(program, ["--quiet"], { env, cwd: root });
const raw = readdirSync(profiles).map((name) => join(profiles, name));
run(llvm("llvm-profdata"), ["merge", "-sparse", ...raw, "-o", merged]);
report(programs);
