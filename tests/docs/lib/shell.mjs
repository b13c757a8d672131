// Checks the commands of a shell block: what they name has to exist.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./blocks.mjs";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

export function checkShell(code) {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: code, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  for (const line of code.split("\n").map((text) => text.replace(/\s+#.*$/, "").trim()).filter(Boolean)) checkCommand(line.split(/\s+/));
}

function checkCommand([program, ...words]) {
  const check = COMMANDS[program];
  assert.ok(check, `nobody knows how to check ${program}`);
  check(words);
}

const COMMANDS = {
  npm: ([verb, name]) => {
    if (verb === "create") return assert.equal(name, "vite@latest");
    if (verb === "install") return assert.ok(name === undefined || name === manifest.name);
    // This runs in an app that the quick start makes, not here.
    if (verb === "run" && name === "dev") return;
    const script = verb === "run" ? name : verb;
    assert.ok(manifest.scripts[script], `package.json has no script ${script}`);
  },
  node: ([path]) => assert.ok(existsSync(join(root, path)), `${path} is not there`),
  cargo: (words) => {
    const name = words[words.indexOf("-p") + 1];
    assert.ok(existsSync(join(root, name.replace(/^rejoin-/, ""), "Cargo.toml")), `the workspace has no ${name}`);
    checkFlags(words.slice(words.indexOf("--") + 1));
  },
  "rejoin-server": checkFlags,
  cd: () => undefined,
  npx: ([name, ...words]) => {
    if (name === "create-next-app@latest") return;
    assert.equal(name, "rejoin-server");
    checkFlags(words);
  },
  docker: (words) => assert.ok(existsSync(join(root, words[0] === "compose" ? "compose.yaml" : "Dockerfile"))),
  curl: (words) => assert.ok(words.some((word) => /^'?http:\/\/127\.0\.0\.1/.test(word))),
};

let help;

function checkFlags(words) {
  help ??= execFileSync(process.env.REJOIN_SERVER ?? join(root, "target/debug/rejoin-server"), ["--help"], { encoding: "utf8" });
  for (const flag of words.filter((word) => word.startsWith("--"))) assert.match(help, new RegExp(`(^|\\s)${flag}\\b`, "m"), `rejoin-server has no ${flag}`);
}
