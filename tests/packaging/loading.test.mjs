// How the WebAssembly is loaded in a real browser: which Content-Security-Policy and which server it needs, and how `init` fails
// without them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const dist = resolve(import.meta.dirname, "../../dist");
const PAGE = "<!doctype html><meta charset=utf-8><title>loading</title><script type=module src=/page.js></script>";
const SCRIPT = `
  const asked = new URLSearchParams(location.search);
  const stream = WebAssembly.instantiateStreaming;
  let how = "whole";
  WebAssembly.instantiateStreaming = (...given) => stream.call(WebAssembly, ...given).then((made) => (how = "streamed", made));
  const { init } = await import(asked.get("module"));
  const said = init(asked.get("source") ?? undefined).then(() => "ready, " + how, (error) => error.code + ": " + error.message);
  document.title = await said;
`;
const ERROR_PAGE = "<!doctype html><title>not found</title>";

/** The files of the server, with their content types. */
const FILES = {
  "/page.js": ["text/javascript", () => SCRIPT],
  "/index.js": ["text/javascript", () => readFileSync(join(dist, "index.js"))],
  "/slim.js": ["text/javascript", () => readFileSync(join(dist, "slim.js"))],
  "/client.wasm": ["application/wasm", () => readFileSync(join(dist, "client.wasm"))],
  "/untyped.wasm": ["application/octet-stream", () => readFileSync(join(dist, "client.wasm"))],
  "/error.wasm": ["application/wasm", () => ERROR_PAGE],
  "/error.html": ["text/html", () => ERROR_PAGE],
};

let server, browser;

before(async () => {
  server = createServer(({ url }, response) => {
    const { pathname, searchParams } = new URL(url, "http://page");
    if (pathname === "/") {
      response.setHeader("content-type", "text/html").setHeader("content-security-policy", searchParams.get("policy"));
      return response.end(PAGE);
    }
    const [type, content] = FILES[pathname] ?? [];
    if (!content) return response.writeHead(404).end();
    response.setHeader("content-type", type).end(content());
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  server?.close();
});

async function said(policy, module, source) {
  const page = await browser.newPage();
  const asked = new URLSearchParams({ policy, module, ...(source && { source }) });
  await page.goto(`http://127.0.0.1:${server.address().port}/?${asked}`);
  await page.waitForFunction(() => document.title !== "loading");
  const title = await page.title();
  await page.close();
  return title;
}

const ALLOWED = "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const FORBIDDEN = "script-src 'self'";

test("'wasm-unsafe-eval' is all it needs, without a bundler", async () => {
  assert.equal(await said("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'", "/index.js"), "ready, whole");
});

for (const [module, source] of [["/index.js"], ["/slim.js", "/client.wasm"]]) {
  test(`without it init of ${module} rejects with CSP_BLOCKED and says what to add`, async () => {
    assert.match(await said(FORBIDDEN, module, source), /^CSP_BLOCKED: .*add 'wasm-unsafe-eval' to its script-src/);
  });
}

test("rejoin/slim compiles while the bytes arrive where the server names their type, and after that where it does not", async () => {
  assert.equal(await said(ALLOWED, "/slim.js", "/client.wasm"), "ready, streamed");
  assert.equal(await said(ALLOWED, "/slim.js", "/untyped.wasm"), "ready, whole");
});

for (const [source, code] of [["/error.wasm", "INVALID_WASM"], ["/error.html", "INVALID_WASM"], ["/nothing.wasm", "NETWORK"]]) {
  test(`init of rejoin/slim with ${source} rejects with ${code}`, async () => {
    assert.match(await said(ALLOWED, "/slim.js", source), new RegExp(`^${code}: `));
  });
}
