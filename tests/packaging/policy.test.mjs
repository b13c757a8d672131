// Content-Security-Policy in a real browser: what the package needs, and what it says where that is missing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const dist = resolve(import.meta.dirname, "../../dist");
const PAGE = "<!doctype html><meta charset=utf-8><title>policy</title><script type=module src=/page.js></script>";
const SCRIPT = `import { init } from "/index.js"; init().then(() => "ready", (error) => error.code + ": " + error.message).then((said) => { document.title = said; });`;

let server, browser;

before(async () => {
  server = createServer(({ url }, response) => {
    const { pathname, searchParams } = new URL(url, "http://page");
    const isPage = pathname === "/";
    if (!isPage && pathname !== "/page.js" && pathname !== "/index.js") return response.writeHead(404).end();
    response.setHeader("content-type", isPage ? "text/html" : "text/javascript");
    if (isPage) response.setHeader("content-security-policy", searchParams.get("policy"));
    response.end(isPage ? PAGE : pathname === "/page.js" ? SCRIPT : readFileSync(join(dist, pathname)));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function saidUnder(policy) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/?policy=${encodeURIComponent(policy)}`);
  await page.waitForFunction(() => document.title !== "policy");
  return page.title();
}

test("'wasm-unsafe-eval' is all it needs, without a bundler", async () => {
  assert.equal(await saidUnder("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"), "ready");
});

test("without it init rejects with CSP_BLOCKED and says what to add", async () => {
  assert.match(await saidUnder("script-src 'self'"), /^CSP_BLOCKED: .*add 'wasm-unsafe-eval' to its script-src/);
});
