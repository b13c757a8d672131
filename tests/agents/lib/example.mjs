// An example with an agent, used as a person would: its page in Chromium, behind a proxy that makes cuts for the test.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { FaultProxy } from "../../e2e/proxy.mjs";
import { Truth } from "../../e2e/lib/server.mjs";

/** Opens a browser, and a proxy in front of a page. */
export async function openStage(server, site) {
  const proxy = await new FaultProxy(site.url).up();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  return new Stage(proxy, browser, new Truth(server.url));
}

class Stage {
  constructor(proxy, browser, truth) {
    Object.assign(this, { proxy, browser, truth });
  }

  /** Opens the chat of a new session in a new browser profile. */
  async open() {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    const chat = new Chat(page, this.truth);
    page.on("pageerror", (error) => chat.problems.push(String(error)));
    await page.goto(this.proxy.url);
    await chat.ready();
    return chat;
  }

  /** Breaks the first `most` streams after some bytes. */
  cut(most) {
    this.proxy.plan = (seen) => (seen.path.includes("/stream") && most-- > 0 ? { kind: "rst", at: 900 } : undefined);
  }

  async close() {
    await this.browser.close();
    await this.proxy.down();
  }
}

class Chat {
  problems = [];

  constructor(page, truth) {
    Object.assign(this, { page, truth });
  }

  /** Waits until React handles the form, which would be sent as an HTML form before. */
  async ready() {
    await this.page.waitForFunction(() => Object.keys(document.querySelector("form") ?? {}).some((key) => key.startsWith("__react")));
  }

  /** Returns the session in the address of the chat. */
  get session() {
    const { hash, pathname } = new URL(this.page.url());
    return hash.slice(1) || pathname.split("/").pop();
  }

  async send(text) {
    await this.page.fill("input", text);
    await this.page.press("input", "Enter");
  }

  /** Presses Stop, and waits until the server has acknowledged it, which is after the page shows the end. */
  async stop() {
    const cancelled = this.page.waitForResponse((response) => response.url().endsWith("/cancel"));
    await this.page.click("text=Stop");
    assert.equal((await cancelled).status(), 200);
  }

  status(...wanted) {
    return this.page.waitForFunction((wanted) => wanted.includes(document.querySelector("#status")?.textContent), wanted);
  }

  /** Waits until the page shows the beginning of the answer. */
  begun() {
    return this.page.waitForSelector('li[data-role="assistant"] > p:not([class])');
  }

  async answer() {
    return (await this.page.locator('li[data-role="assistant"]').last().locator("p:not([class])").allTextContents()).join("");
  }

  async assertWhole() {
    assert.equal(await this.answer(), await this.truth.answer(this.session));
    const { messages } = await this.truth.session(this.session);
    assert.equal(messages.filter(({ role }) => role === "user").length, await this.page.locator('li[data-role="user"]').count());
  }

  async close() {
    assert.deepEqual(this.problems, []);
    await this.page.context().close();
  }
}
