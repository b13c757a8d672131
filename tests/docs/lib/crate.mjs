// Makes a crate for a Rust block, with the server's dependencies in the versions of the lock file.

import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { targetDir } from "../../../scripts/lib/run.mjs";
import { root } from "./blocks.mjs";

const MANIFEST = `[package]
name = "block"
version = "0.0.0"
edition = "2024"

[dependencies]
axum = { version = "0.8", default-features = false, features = ["http1", "tokio", "query", "json"] }
futures-util = "0.3"
jiff = { version = "1", default-features = false, features = ["std"] }
serde = { version = "1", features = ["derive"] }
serde_json = "1"
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "sync", "time"] }
uuid = { version = "1", features = ["v4"] }

[workspace]
`;

/** Writes the crate. `files` are its sources by name. */
export function makeCrate(crate, files) {
  rmSync(crate, { recursive: true, force: true });
  mkdirSync(join(crate, "src"), { recursive: true });
  writeFileSync(join(crate, "Cargo.toml"), MANIFEST);
  cpSync(join(root, "Cargo.lock"), join(crate, "Cargo.lock"));
  for (const [name, code] of Object.entries(files)) writeFileSync(join(crate, "src", name), code);
}

/** Checks or builds the crate without warnings. Its build is kept for the next time. */
export function cargo(verb, crate) {
  const env = { ...process.env, RUSTFLAGS: "-D warnings", CARGO_TARGET_DIR: join(targetDir, "docs/target") };
  succeed("cargo", [verb, "--quiet", "--manifest-path", join(crate, "Cargo.toml")], { env });
  return join(env.CARGO_TARGET_DIR, "debug/block");
}

export function succeed(program, args, options) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...options });
  assert.ifError(error);
  assert.equal(status, 0, stdout + stderr);
}
