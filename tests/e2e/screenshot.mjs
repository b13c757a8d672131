// `node tests/e2e/screenshot.mjs [folder]`: pictures of the demo's main states, and docs/screenshot.png for the README.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { ChatPage, launch } from "./lib/browser.mjs";
import { startServer } from "./lib/server.mjs";
import { FaultProxy } from "./proxy.mjs";

const docs = resolve(import.meta.dirname, "../../docs");
const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../out"));
mkdirSync(docs, { recursive: true });
mkdirSync(folder, { recursive: true });

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const RICH = "Which streams survive a cut? /reasoning /tool search /tokens 400 /rate 60";

const server = await startServer();
const proxy = await new FaultProxy(server.url).up();
const browser = await launch();

async function picture(name, options, play, path = join(folder, `${name}.png`)) {
  const context = await browser.newContext(options);
  const page = new ChatPage(await context.newPage(), proxy.url);
  await page.page.goto(proxy.url);
  await page.shown("message-input");
  await play?.(page);
  await page.page.screenshot({ path });
  console.log(path);
  await context.close();
}

/** Some chats for the list. */
async function fill(page) {
  for (const text of ["Plan a week in Lisbon", "Compare the two proposals", "A poem about harbours"]) {
    await page.click("new-chat");
    await page.send(text);
    await page.grown(20, "text-rendered");
    await page.click("stop");
    await page.status("stopped");
  }
}

/** Cut twice, and now away for so long that the countdown shows. */
async function cutInTheMiddle(page) {
  await fill(page);
  await page.click("new-chat");
  await page.send("How does an answer survive a cut connection?");
  for (const cuts of [1, 2]) {
    await page.grown(500 * cuts, "text-rendered");
    await page.click("fault-cut");
    await page.reconnected(cuts);
  }
  await page.grown(1300, "text-rendered");
  await proxy.down();
  await page.page.waitForFunction(() => /in [3-9] s/.test(document.querySelector('[data-testid="countdown"]')?.textContent ?? ""));
}

async function offline(page) {
  await page.send(RICH);
  await page.shown("text-rendered");
  await page.page.evaluate(() => document.querySelector('[data-testid="fault-offline"]').click());
  await page.status("reconnecting");
}

async function failed(page) {
  await page.send("Break, please. /tokens 60 /rate 0 /error MODEL_OVERLOADED");
  await page.failureCode();
}

async function opened(page) {
  await page.send(RICH.replace("/rate 60", "/rate 0"));
  await page.status("completed");
  for (const name of ["reasoning", "tool-call"]) await page.page.click(`[data-testid="${name}"] summary`);
  await page.page.$eval('[data-testid="messages"]', (box) => box.scrollTo(0, 0));
}

await picture("screenshot", DESKTOP, cutInTheMiddle, join(docs, "screenshot.png"));
await proxy.up();
await picture("welcome", DESKTOP);
await picture("offline-dark", { ...DESKTOP, colorScheme: "dark" }, offline);
await picture("failed", DESKTOP, failed);
await picture("opened", DESKTOP, opened);
await picture("opened-dark", { ...DESKTOP, colorScheme: "dark" }, opened);
await picture("phone", PHONE, opened);
await picture("phone-offline-dark", { ...PHONE, colorScheme: "dark" }, offline);
await picture("unknown", DESKTOP, async (page) => {
  await page.page.goto(`${proxy.url}/#/chat/nobody`);
  await page.failureCode();
});

await browser.close();
await proxy.down();
await server.stop();
