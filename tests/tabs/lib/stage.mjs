// A browser whose windows are reused from test to test, and the main check: every tab shows the stored answer once, over as many
// connections as expected.

import assert from "node:assert/strict";
import { Demo } from "./demo.mjs";
import { LIMIT_MS } from "./patience.mjs";
import { Tab } from "./tab.mjs";

export class Stage {
  /** @type {Tab[]} */
  tabs = [];
  #browser;
  #home;

  /**
   * @param {import("./engines.mjs").Browser} browser
   * @param {import("./site.mjs").Site} site
   */
  constructor(browser, site) {
    this.#browser = browser;
    this.site = site;
    /** The URL from which pages are loaded. */
    this.base = site.url;
    this.driver = browser.driver;
    this.pid = browser.pid;
  }

  static async open(engine, site, look) {
    const browser = await engine.launch(look);
    await browser.driver.manage().setTimeouts({ script: LIMIT_MS, pageLoad: LIMIT_MS });
    const stage = new Stage(browser, site);
    stage.#home = await browser.driver.getWindowHandle();
    return stage;
  }

  /** Creates a session for one test. */
  session() {
    return this.site.truth.createSession();
  }

  /** Opens a tab that shows a session. page.js reads `query`. */
  tab(session, query = {}) {
    return this.#open(this.address(session, query));
  }

  /** Opens a tab with the whole conversation of a session (see chat.js). */
  chat(session) {
    return this.#open(`${this.base}/chat.html?${new URLSearchParams({ session })}`);
  }

  /** Opens a tab with a chat of the demo. */
  demo(session) {
    return this.#open(`${this.base}/demo/?view=source#/chat/${session}`, Demo);
  }

  async #open(address, Kind = Tab) {
    await this.driver.switchTo().newWindow("tab");
    const tab = new Kind(this.driver, await this.driver.getWindowHandle());
    this.tabs.push(tab);
    await tab.visit(address);
    return tab;
  }

  address(session, query = {}) {
    return `${this.base}/?${new URLSearchParams({ session, ...query })}`;
  }

  async closeTab(tab) {
    this.tabs = this.tabs.filter((other) => other !== tab);
    await tab.close();
    await this.driver.switchTo().window(this.#home);
  }

  /** Removes a tab that has closed by itself. */
  async forget(tab) {
    this.tabs = this.tabs.filter((other) => other !== tab);
    await tab.close().catch(() => {});
    await this.driver.switchTo().window(this.#home);
  }

  /** Checks that every tab has reached its end, and received what the server stored once, or up to the stop. */
  async assertWhole(session, { outcomes = 1, isStopped = false } = {}) {
    const states = [];
    for (const tab of this.tabs) states.push(await tab.until("outcomes", outcomes));
    // A page shows the end at once. The server acknowledges the stop later.
    if (isStopped) await this.site.ended(session);
    const answer = await this.site.truth.answer(session);
    assert.ok(answer?.length > 0, "the server has stored an answer");
    for (const [index, state] of states.entries()) {
      const where = `tab ${index + 1}: ${JSON.stringify({ ...state, text: undefined, received: undefined })}`;
      for (const text of [state.text, state.received]) {
        const expected = isStopped ? answer.slice(0, text.length) : answer;
        assert.ok(text === expected, `${where} ${difference(text, expected)}`);
      }
      assert.deepEqual(state.problems, [], where);
    }
  }

  /** Closes all tabs between two tests, and waits until the server has noticed. */
  async clear() {
    for (const tab of this.tabs) await tab.close().catch(() => {});
    this.tabs = [];
    await this.driver.switchTo().window(this.#home);
    await this.site.holds(0);
  }

  async close() {
    await this.#browser.close();
  }
}

/** Describes where two texts differ, for the reader of a failure. */
function difference(text, expected) {
  let at = 0;
  while (at < text.length && text[at] === expected[at]) at += 1;
  const around = (whole) => `${whole.length} characters: …${whole.slice(Math.max(0, at - 20), at + 40)}…`;
  return `part at ${at}: ${around(text)} and not ${around(expected)}`;
}
