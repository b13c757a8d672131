// Accessibility: axe reports nothing, the keyboard reaches everything, a screen reader announces states and not tokens.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { opensStream, stage } from "./lib/stage.mjs";

const set = stage();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function assertAccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`), []);
}

/** Holds the first stream of each message in the middle until the test ends it. */
const held = (seen) => (opensStream(seen) && seen.method === "POST" ? { kind: "half-open", at: 3000 } : undefined);

const PHONE = { viewport: { width: 390, height: 800 } };
const DESKTOP = { viewport: { width: 1280, height: 800 } };

describe("axe finds nothing", { concurrency: 4 }, () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, look] of [["a phone", PHONE], ["a desktop", DESKTOP]]) {
      test(`on ${name}, ${colorScheme}`, () =>
        set.scene(undefined, async ({ page, proxy }) => {
          await assertAccessible(page.page);
          await page.send("Look it up. /reasoning /tool search /tokens 50 /rate 0");
          await page.status("completed");
          for (const part of ["reasoning", "tool-call"]) await page.page.click(`[data-testid="${part}"] summary`);
          await assertAccessible(page.page);
          await page.send("Fail. /tokens 5 /rate 0 /error SOME_CODE");
          await page.failureCode();
          await assertAccessible(page.page);
          await page.send("Slowly. /tokens 500 /rate 50");
          await page.grown(20, "text-rendered");
          await proxy.down();
          await page.status("reconnecting");
          await assertAccessible(page.page);
          await proxy.up();
        }, { look: { ...look, colorScheme }, view: "rendered" }));
    }
  }

  for (const [name, look] of [["a phone", PHONE], ["a desktop", DESKTOP]]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`in the comparison, with its timeline, on ${name}, ${colorScheme}`, () =>
        set.scene(held, async ({ page }) => {
          await page.press("compare");
          await page.send("At length. /tokens 300 /rate 60");
          if ((await page.page.getAttribute('[data-testid="timeline-toggle"]', "aria-expanded")) === "false") await page.click("timeline-toggle");
          await page.grown(50, "text-rendered");
          await page.page.waitForFunction(() => document.querySelector('[data-testid="peer-answer"]')?.textContent.length > 50);
          await page.press("fault-end");
          await page.verdict("own", "true");
          await page.verdict("peer", "lost");
          await page.page.waitForSelector('[data-testid="lane-peer"] [data-kind="cut"]', { state: "attached" });
          await assertAccessible(page.page);
        }, { look: { ...look, colorScheme }, view: "rendered" }));
    }
  }

  test("in the panels of a phone, and on a chat that is not there", () =>
    set.scene(undefined, async ({ page }) => {
      for (const panel of ["open-chats", "open-lab"]) {
        await page.click(panel);
        await assertAccessible(page.page);
        await page.page.keyboard.press("Escape");
      }
      await page.visit({ chat: "nobody" });
      await page.failureCode();
      await assertAccessible(page.page);
    }, { look: PHONE }));
});

describe("the keyboard", { concurrency: 4 }, () => {
  test("sends, stops, opens a tool call", () =>
    set.scene(undefined, async ({ page }) => {
      const { keyboard } = page.page;
      await page.page.waitForFunction(() => document.activeElement?.id === "message");
      await keyboard.type("Look it up. /tool search /tokens 5000 /rate 100");
      await keyboard.press("Enter");
      await page.grown(30);
      await tabTo(page.page, "stop");
      await keyboard.press("Enter");
      await page.status("stopped");
      await tabTo(page.page, "tool-call");
      await keyboard.press("Enter");
      await page.page.waitForSelector('[data-testid="tool-input"]', { state: "visible" });
    }));

  test("breaks the line with Shift and Enter", () =>
    set.scene(undefined, async ({ page }) => {
      const { keyboard } = page.page;
      await page.page.waitForFunction(() => document.activeElement?.id === "message");
      await keyboard.type("one");
      await keyboard.press("Shift+Enter");
      await keyboard.type("two /tokens 3 /rate 0");
      await keyboard.press("Enter");
      await page.settled();
      assert.deepEqual(await page.questions(), ["one\ntwo /tokens 3 /rate 0"]);
    }));

  test("opens the chats of a phone, closes them with Escape, and is where it was", () =>
    set.scene(undefined, async ({ page }) => {
      await tabTo(page.page, "open-chats");
      await page.page.keyboard.press("Enter");
      await page.page.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "Chats" && document.activeElement.tagName === "NAV");
      await page.page.keyboard.press("Escape");
      await page.page.waitForFunction(() => document.activeElement?.getAttribute("data-testid") === "open-chats");
    }, { look: PHONE }));
});

test("a screen reader announces the state of the stream, and not its tokens or the countdown", () =>
  set.scene(undefined, async ({ page, proxy }) => {
    await page.page.evaluate(() => {
      globalThis.received = [];
      const live = '[role="status"], [role="alert"], [aria-live]';
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const region = (target.nodeType === Node.TEXT_NODE ? target.parentElement : target).closest(live);
          if (region) globalThis.received.push(region.textContent);
        }
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await page.send("Slowly. /tokens 150 /rate 50");
    await page.grown(50);
    await proxy.down();
    await page.status("reconnecting");
    await page.page.waitForFunction(() => /in [2-9] s/.test(document.querySelector('[data-testid="countdown"]')?.textContent ?? ""));
    await proxy.up();
    await page.settled();
    const received = await page.page.evaluate(() => globalThis.received);
    assert.ok(received.some((text) => /Connection lost/.test(text)));
    assert.ok(received.includes("Answer complete"));
    assert.ok(received.every((text) => !/harbour|\d/.test(text)), received.join(" | "));
  }));

/** Presses Tab until the element with this test id, or one in it, has the focus. */
async function tabTo(page, name) {
  for (let presses = 0; presses < 60; presses += 1) {
    const there = await page.evaluate((wanted) => document.activeElement?.closest(`[data-testid="${wanted}"]`) !== null && document.activeElement !== document.body, name);
    if (there) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab does not reach ${name}`);
}
