// Uses examples/ai-sdk as a new user would: copied out of the repository, with the packed package, built, and opened in Chromium
// on the reference server behind a proxy that cuts.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Truth, startServer } from "../e2e/lib/server.mjs";
import { FaultProxy } from "../e2e/proxy.mjs";
import { bin, freshFolder, root, run, serve } from "./lib/fresh.mjs";

let app, server, truth, proxy, site, browser;

before(async () => {
  app = await freshFolder(join(root, "examples/ai-sdk"));
  await run("npm", ["run", "build"], { cwd: app.folder });
  server = await startServer();
  truth = new Truth(server.url);
  site = await serve(bin(app.folder, "vite"), ["preview", "--port", "0", "--host", "127.0.0.1"], { cwd: app.folder, env: { REJOIN_URL: server.url } });
  proxy = await new FaultProxy(site.url).up();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
});

after(async () => {
  await browser?.close();
  await proxy?.down();
  await site?.stop();
  await server?.stop();
  app?.remove();
});

/** Opens the chat of a new session in a new browser profile. */
async function open() {
  const page = await (await browser.newContext()).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(proxy.url);
  await page.waitForSelector("input");
  return { page, problems, session: new URL(page.url()).hash.slice(1) };
}

async function send(page, text) {
  await page.fill("input", text);
  await page.press("input", "Enter");
}

const status = (page, wanted) => page.waitForFunction((wanted) => document.querySelector("#status")?.textContent === wanted, wanted);
const answer = (page) => page.locator('li[data-role="assistant"] > p:not([class])').allTextContents().then((texts) => texts.join(""));
const cuts = (most) => (seen) => (seen.path.includes("/stream") && most-- > 0 ? { kind: "rst", at: 700 } : undefined);

test("an answer whose connection is cut twice is shown whole, and the message is sent once", async () => {
  const { page, problems, session } = await open();
  proxy.plan = cuts(2);
  await send(page, "/reasoning /tokens:120 /rate:400");
  await status(page, "streaming");
  await status(page, "ready");
  proxy.plan = () => undefined;
  assert.equal(await answer(page), await truth.answer(session));
  assert.equal(proxy.count("POST", new RegExp(`${session}/stream`)), 1);
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("a page that is reloaded in the middle of an answer goes on with it", async () => {
  const { page, problems, session } = await open();
  await send(page, "/tokens:200 /rate:50");
  await page.waitForSelector('li[data-role="assistant"] > p');
  await page.reload();
  await status(page, "streaming");
  await status(page, "ready");
  assert.equal(await answer(page), await truth.answer(session));
  assert.equal(await page.locator('li[data-role="user"]').count(), 1);
  assert.deepEqual(problems, []);
  await page.context().close();
});

test("Stop cancels the task, and a page that is reloaded does not bring it back", async () => {
  const { page, session } = await open();
  await send(page, "/tokens:5000 /rate:50");
  await page.waitForSelector('li[data-role="assistant"] > p');
  // The page shows the end at once. The server acknowledges the stop later.
  const cancelled = page.waitForResponse((response) => response.url().endsWith("/cancel"));
  await page.click("text=Stop");
  assert.equal((await cancelled).status(), 200);
  await status(page, "ready");
  assert.equal((await truth.session(session)).active_stream, null);
  await page.reload();
  await page.waitForSelector('li[data-role="assistant"]');
  assert.equal(await answer(page), await truth.answer(session));
  await status(page, "ready");
  await page.context().close();
});
