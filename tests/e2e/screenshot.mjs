// `node tests/e2e/screenshot.mjs [folder]`: takes pictures of the demo's main states.

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { ChatPage, launch } from "./lib/browser.mjs";
import { startServer } from "./lib/server.mjs";
import { FaultProxy } from "./proxy.mjs";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../out"));
/** Only pictures whose names contain this text are taken. */
const wanted = process.argv[3] ?? "";
mkdirSync(folder, { recursive: true });

const DESKTOP = { viewport: { width: 1440, height: 900 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const DARK = { colorScheme: "dark" };

const server = await startServer("--heartbeat-ms", "1000");
const proxy = await new FaultProxy(server.url).up();
const browser = await launch();

async function picture(name, options, play) {
  if (!name.includes(wanted)) return;
  const context = await browser.newContext(options);
  const page = new ChatPage(await context.newPage(), proxy.url);
  await page.page.goto(proxy.url);
  await page.shown("message-input");
  await play?.(page);
  await page.page.screenshot({ path: join(folder, `${name}.png`) });
  console.log(name, page.problems);
  await context.close();
}

/** Adds some chats to the list. */
async function fill(page) {
  for (const text of ["Plan a week in Lisbon", "Compare the two proposals", "A poem about harbours"]) {
    await page.click("new-chat");
    await page.send(text);
    await page.grown(20, "text-rendered");
    await page.click("stop");
    await page.status("stopped");
  }
}

/** Cuts both readers twice. One answer is complete, the other is not. */
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

/** Cuts twice, and then for so long that the countdown shows. */
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
  await page.suggest("Thought and tools");
  await page.shown("text-rendered");
  await page.press("fault-offline");
  await page.status("reconnecting");
}

async function failed(page) {
  await page.suggest("Something goes wrong");
  await page.failureCode();
}

async function opened(page) {
  await page.suggest("Thought and tools");
  await page.status("completed");
  for (const name of ["reasoning", "tool-call"]) await page.page.click(`[data-testid="${name}"] summary`);
  await page.page.$eval('[data-testid="messages"]', (box) => box.scrollTo(0, 0));
}

async function background(page) {
  await page.suggest("A job in the background");
  await page.page.waitForSelector('[data-testid="tool-call"][data-state="operation"]');
}

async function replayed(page) {
  await page.click("open-lab");
  await page.press("replay");
  await page.page.waitForSelector('[data-testid="replay-result"][data-state="done"]');
}

/** A queue behind an answer, with a picture and a file. */
async function queued(page) {
  await page.page.setInputFiles('[data-testid="attach"]', [
    { name: "harbour.svg", mimeType: "image/svg+xml", buffer: Buffer.from(HARBOUR) },
    { name: "notes.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4") },
  ]);
  await page.send("What do you see in this picture?");
  await page.grown(500, "text-rendered");
  await page.send("And what comes next?");
  await page.page.waitForSelector('[data-delivery="queued"]');
}

const HARBOUR =
  '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="200"><rect width="320" height="200" fill="#9fd3e6"/><circle cx="250" cy="50" r="24" fill="#ffd97a"/><path d="M0 140h320v60H0z" fill="#2f7f8f"/><path d="M90 140h120l-24 28h-72z" fill="#7a3b2e"/><path d="M150 40v96h-60zM158 60v76h44z" fill="#fff"/></svg>';

async function approval(page) {
  await page.suggest("Needs your approval");
  await page.page.waitForSelector('[data-testid="approval"]');
}

async function lab(page) {
  await page.send("Slowly, please.");
  await page.grown(300, "text-rendered");
  await page.press("fault-forgetful");
  await page.press("fault-garbage");
  await page.grown(600, "text-rendered");
  await page.press("fault-cut");
  await page.reconnected();
  await page.status("completed");
  await page.click("open-lab");
  await page.page.waitForFunction(() => document.querySelector('[data-testid="fault-cut"]').getBoundingClientRect().right <= innerWidth);
}

await picture("side-by-side", DESKTOP, sideBySide);
await picture("compare-dark", { ...DESKTOP, ...DARK }, sideBySide);
await picture("welcome", DESKTOP);
await picture("offline-dark", { ...DESKTOP, ...DARK }, offline);
await picture("failed", DESKTOP, failed);
await picture("opened", DESKTOP, opened);
await picture("opened-dark", { ...DESKTOP, ...DARK }, opened);
await picture("queued", DESKTOP, queued);
await picture("approval-dark", { ...DESKTOP, ...DARK }, approval);
await picture("phone-queued-dark", { ...PHONE, ...DARK }, queued);
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
