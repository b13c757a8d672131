// The demo in Chromium against a backend that does only the base part of PROTOCOL.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CopilotBackend, tidy } from "../copilot/backend.mjs";
import { ChatPage, launch } from "./lib/browser.mjs";
import { insideText } from "./lib/places.mjs";
import { Truth } from "./lib/server.mjs";
import { assertWhole, inTurn } from "./lib/stage.mjs";
import { FaultProxy } from "./proxy.mjs";

const SLOW = "Take your time. /tokens 200 /pace 10";

let backend;
let browser;

before(async () => {
  backend = await new CopilotBackend(tidy).up();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await backend?.stop();
});

async function scene(plan, play) {
  const proxy = await new FaultProxy(backend.url).up();
  if (plan) proxy.plan = plan;
  const page = await ChatPage.open(browser, proxy.url);
  try {
    await play({ proxy, page, truth: new Truth(backend.url) });
    assert.deepEqual(page.problems, [], "nothing is thrown into the page");
  } catch (error) {
    error.message += `\n${await page.describe()}`;
    throw error;
  } finally {
    await page.close();
    await proxy.down();
  }
}

describe("a page on a base backend", { timeout: 60_000 }, () => {
  test("shows the stored answer after two cuts, in either dialect", () =>
    scene(inTurn({ kind: "fin", at: insideText(10) }, { kind: "rst", at: insideText(60) }, { kind: "eof", at: 1200 }), async (set) => {
      await set.page.send("First. /tokens 100 /pace 2 /tool search");
      await set.page.settled();
      await assertWhole(set);
      await set.page.send("Second. /tokens 40 /pace 2 /legacy");
      await set.page.settled(2);
      await assertWhole(set, { turns: 2 });
    }));

  test("shows sources, files and usage; only web addresses and data are links", () =>
    scene(undefined, async ({ page }) => {
      await page.send("Sources, please. /tokens 6 /extras");
      await page.settled();
      const items = page.page.locator('[data-testid="attachments"] li');
      assert.deepEqual(await items.allTextContents(), ["HTML Standard", "No link", "Annual report", "text/plain"]);
      assert.deepEqual(await items.locator("a").allTextContents(), ["HTML Standard", "text/plain"]);
      assert.equal(await page.page.textContent('[data-testid="usage"]'), "1,234 tokens");
    }));

  test("reloaded in the middle of an answer shows all of it", () =>
    scene(undefined, async (set) => {
      await set.page.send(SLOW);
      await set.page.grown(100);
      await set.page.page.reload();
      await set.page.settled();
      await assertWhole(set);
    }));

  test("stopped, stays stopped, and the next message is answered", () =>
    scene(undefined, async ({ page, truth }) => {
      await page.send(SLOW);
      await page.grown(60);
      await page.click("stop");
      await page.status("stopped");
      const [shown] = await page.answers();
      assert.ok((await truth.session(await page.chat())).active_stream, "this backend cannot cancel");
      assert.deepEqual(await page.answers(), [shown]);
    }));
});
