// Checks every code block of README and docs: it compiles, or runs, or names things that exist.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { transform } from "esbuild";
import { found } from "../../scripts/lib/run.mjs";
import { blocksOf, documents, root } from "./lib/blocks.mjs";
import { cargo, makeCrate, succeed } from "./lib/crate.mjs";
import { checkDiff } from "./lib/diff.mjs";
import { checkShell } from "./lib/shell.mjs";
import { complaints } from "./lib/typescript.mjs";

const blocks = documents.flatMap(blocksOf);
const typed = complaints(blocks.filter(({ language }) => language === "ts" || language === "tsx"));
const folder = join(root, "target/docs/blocks");
mkdirSync(folder, { recursive: true });

/** By language: throws if a block is wrong, and returns a sentence if this machine cannot check it. */
const checks = {
  ts: checkTypes,
  tsx: checkTypes,
  js: ({ given, code }) => transform(`${given}\n${code}`, { loader: "js" }),
  diff: checkDiff,
  json: ({ code }) => JSON.parse(code),
  sh: ({ code }) => checkShell(code),
  python: checkPython,
  rust: checkRust,
  nginx: checkNginx,
  http: ({ code }) => code.trim().split("\n").forEach((line) => assert.match(line, /^[A-Za-z-]+: \S/)),
  vue: checkVue,
  svelte: checkSvelte,
  text: () => undefined,
};

for (const block of blocks) {
  test(`${block.file}:${block.line}, ${block.language || "no language"}`, async (t) => {
    const check = checks[block.language];
    assert.ok(check, "a block says its language, and someone checks it");
    const reason = await check(block);
    if (typeof reason === "string") t.skip(reason);
  });
}

async function checkVue({ code }) {
  const { parse } = await import("vue/compiler-sfc");
  assert.deepEqual(parse(code).errors, []);
}

async function checkSvelte({ code }) {
  const { compile } = await import("svelte/compiler");
  assert.deepEqual(compile(code, {}).warnings, []);
}

function checkTypes(block) {
  assert.deepEqual(typed.get(block), []);
}

function checkPython({ code }) {
  if (!found("python3")) return "no python3";
  const file = join(folder, "block.py");
  writeFileSync(file, code);
  succeed("python3", ["-W", "error", "-m", "py_compile", file]);
}

function checkRust({ code }) {
  const crate = join(folder, "crate");
  makeCrate(crate, { "lib.rs": code });
  succeed("rustfmt", ["--check", "--edition", "2024", "--config-path", root, join(crate, "src/lib.rs")]);
  cargo("check", crate);
}

/** Checks with a temporary certificate, and on sockets that need no privileges. */
function checkNginx({ code }) {
  if (!found("nginx") || !found("openssl")) return "no nginx, or no openssl";
  const place = join(folder, "nginx");
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const [key, certificate] = [join(place, "key.pem"), join(place, "certificate.pem")];
  succeed("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=docs", "-days", "1", "-keyout", key, "-out", certificate]);
  const here = code.replaceAll(/listen \d+/g, `listen unix:${place}/socket`);
  const said = nginxSays(place, { key, certificate }, here);
  // Before 1.25.1, `http2` was a parameter of `listen`. The rest is the same.
  if (/unknown directive "http2"/.test(said)) assert.equal(nginxSays(place, { key, certificate }, here.replace(/http2 on;/, "")), "");
  else assert.equal(said, "");
}

/** Returns nginx's complaints about a configuration. */
function nginxSays(place, { key, certificate }, code) {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${place}/${kind};`).join(" ");
  const whole = `pid ${place}/pid; error_log stderr; events {} http { access_log off; ${paths} ssl_certificate ${certificate}; ssl_certificate_key ${key};\n${code}}`;
  writeFileSync(join(place, "nginx.conf"), whole);
  const { status, stderr } = spawnSync("nginx", ["-t", "-p", place, "-c", join(place, "nginx.conf")], { encoding: "utf8" });
  return status === 0 ? "" : stderr;
}
