// Uses `npx rejoin-server` as a new user would: the packed packages are installed into an empty folder and run.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { here } from "../../npm/platforms.mjs";
import { addressIn } from "../../scripts/lib/server.mjs";
import { packMain, packProgram } from "../../scripts/pack-server.mjs";
import { serverProgram } from "../e2e/lib/server.mjs";
import { bin, root, run } from "./lib/fresh.mjs";

let folder, main;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "rejoin-server-package-"));
  main = packMain(folder);
  const program = packProgram(serverProgram(), folder);
  writeFileSync(join(folder, "package.json"), '{"private":true}');
  await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", "--omit", "optional", main, program], { cwd: folder });
});

after(() => rmSync(folder, { recursive: true, force: true }));

const version = () => JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;

test("the package says its version, which is that of the client's", async () => {
  assert.equal((await run(bin(folder, "rejoin-server"), ["--version"], { cwd: folder })).trim(), `rejoin-server ${version()}`);
  const { optionalDependencies } = JSON.parse(readFileSync(join(folder, "node_modules/rejoin-server/package.json"), "utf8"));
  assert.equal(optionalDependencies[`rejoin-server-${here}`], version());
});

for (const how of ["as this Node runs it", "beside a Node that cannot be replaced"]) {
  test(`it serves, and a signal to end reaches it, ${how}`, async () => {
    const without = how.startsWith("beside") ? ["--import", "data:text/javascript,delete process.execve"] : [];
    const script = join(folder, "node_modules/rejoin-server/bin/rejoin-server.js");
    const child = spawn(process.execPath, [...without, script, "--listen", "127.0.0.1:0", "--store", "memory"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));
    const url = await addressOf(child);
    assert.equal((await (await fetch(`${url}/api/chat/health`)).json()).status, "healthy");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, { code: 0, signal: null });
    await assert.rejects(fetch(`${url}/api/chat/health`));
  });
}

test("a signal to its whole process group, beside a Node that cannot be replaced, lets a running answer finish", async () => {
  const script = join(folder, "node_modules/rejoin-server/bin/rejoin-server.js");
  const args = ["--import", "data:text/javascript,delete process.execve", script, "--listen", "127.0.0.1:0", "--store", "memory"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  const ended = new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));
  const url = await addressOf(child);
  const { id } = await (await fetch(`${url}/api/chat/sessions`, { method: "POST" })).json();
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/api/chat/sessions/${id}/stream`, { method: "POST", headers, body: '{"message":"/tokens 20 /rate 20"}' });
  process.kill(-child.pid, "SIGTERM");
  // As npx passes it on.
  await setTimeout(100);
  child.kill("SIGTERM");
  assert.match(await answer.text(), /"type":"finish"\}\n\ndata: \[DONE\]\n\n$/);
  assert.deepEqual(await ended, { code: 0, signal: null });
});

test("where npm left the program out, it says what to do", async () => {
  const other = mkdtempSync(join(tmpdir(), "rejoin-server-alone-"));
  writeFileSync(join(other, "package.json"), '{"private":true}');
  await run("npm", ["install", "--no-audit", "--no-fund", "--loglevel", "error", "--omit", "optional", main], { cwd: other });
  await assert.rejects(run(bin(other, "rejoin-server"), ["--version"], { cwd: other }), /has no program for .*--include=optional/s);
  rmSync(other, { recursive: true });
});

/** Returns the address that it prints. */
async function addressOf(child) {
  let said = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    said += text;
    const url = addressIn(said);
    if (url) return url;
  }
  throw new Error(`No address: ${said}`);
}
