// `node tests/e2e/screenshot.mjs [folder]`: pictures of the demo's main states, and docs/screenshot.png for the README.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { ChatPage, launch } from "./lib/browser.mjs";
import { startServer } from "./lib/server.mjs";
import { FaultProxy } from "./proxy.mjs";

const docs = resolve(import.meta.dirname, "../../docs");
const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../out"));
/** Only pictures whose names hold this. */
const wanted = process.argv[3] ?? "";
mkdirSync(docs, { recursive: true });
mkdirSync(folder, { recursive: true });

const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DARK = { colorScheme: "dark" };
const RICH = "Which streams survive a cut? /reasoning /tool search /tokens 400 /rate 60";

const server = await startServer("--heartbeat-ms", "1000");
const proxy = await new FaultProxy(server.url).up();
const browser = await launch();

async function picture(name, options, play, path = join(folder, `${name}.png`)) {
  if (!name.includes(wanted)) return;
  const context = await browser.newContext(options);
  const page = new ChatPage(await context.newPage(), proxy.url);
  await page.page.goto(proxy.url);
  await page.shown("message-input");
  await play?.(page);
  await page.page.screenshot({ path });
  console.log(path, page.problems);
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

/** Both readers cut twice: one is whole, the other is not. */
async function sideBySide(page) {
  if ((page.page.viewportSize()?.width ?? 0) > 800) {
    await fill(page);
    await page.click("new-chat");
  }
  await page.page.click('[data-testid="suggest-compare"]');
  for (const cuts of [1, 2]) {
    await page.grown(700 * cuts, "text-rendered");
    await page.press("fault-cut");
    await page.reconnected(cuts);
  }
  await page.status("completed");
  await page.verdict("own", "true");
  await page.verdict("peer", "lost", "doubled", "untrue");
}

/** Cut twice, and now away for so long that the countdown shows. */
async function cutInTheMiddle(page) {
  await page.send("How does an answer survive a cut connection?");
  for (const cuts of [1, 2]) {
    await page.grown(500 * cuts, "text-rendered");
    await page.press("fault-cut");
    await page.reconnected(cuts);
  }
  await page.grown(1300, "text-rendered");
  await proxy.down();
  await page.page.waitForFunction(() => /in [3-9] s/.test(document.querySelector('[data-testid="countdown"]')?.textContent ?? ""));
}

async function offline(page) {
  await page.send(RICH);
  await page.shown("text-rendered");
  await page.press("fault-offline");
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

async function background(page) {
  await page.send("Make the report. /operation nightly_report /tokens 60");
  await page.page.waitForSelector('[data-testid="tool-call"][data-state="operation"]');
}

async function replayed(page) {
  await page.press("replay");
  await page.page.waitForSelector('[data-testid="replay-result"][data-state="done"]');
}

async function lab(page) {
  await page.send("Slowly. /tokens 120 /rate 60");
  await page.grown(300, "text-rendered");
  await page.press("fault-forgetful");
  await page.press("fault-garbage");
  await page.grown(600, "text-rendered");
  await page.press("fault-cut");
  await page.reconnected();
  await page.status("completed");
  await page.click("timeline-toggle");
  await page.click("open-lab");
  await page.page.waitForFunction(() => document.querySelector('[data-testid="fault-cut"]').getBoundingClientRect().right <= innerWidth);
}

await picture("screenshot", DESKTOP, sideBySide, join(docs, "screenshot.png"));
await picture("compare-dark", { ...DESKTOP, ...DARK }, sideBySide);
await picture("welcome", DESKTOP);
await picture("offline-dark", { ...DESKTOP, ...DARK }, offline);
await picture("failed", DESKTOP, failed);
await picture("opened", DESKTOP, opened);
await picture("opened-dark", { ...DESKTOP, ...DARK }, opened);
await picture("background", DESKTOP, background);
await picture("replayed", DESKTOP, replayed);
await picture("phone", PHONE, opened);
await picture("phone-welcome", PHONE);
await picture("phone-lab-dark", { ...PHONE, ...DARK }, lab);
await picture("phone-compare", PHONE, sideBySide);
await picture("phone-offline-dark", { ...PHONE, ...DARK }, offline);
await picture("unknown", DESKTOP, async (page) => {
  await page.page.goto(`${proxy.url}/#/chat/nobody`);
  await page.failureCode();
});
await picture("cut", DESKTOP, cutInTheMiddle);

await browser.close();
if (proxy.isUp) await proxy.down();
await server.stop();
