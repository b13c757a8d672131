// Chromium, and the demo page as a person sees it: found by test ids, and waiting for visible changes, never for time.

import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

const at = (name) => `[data-testid="${name}"]`;

/** The browser itself logs failed requests. The page cannot prevent that. */
const BROWSERS_OWN = /^Failed to load resource/;

export class ChatPage {
  /** The errors that reached the page or its console. @type {string[]} */
  problems = [];

  /** @param {import("playwright-core").Page} page */
  constructor(page, url) {
    this.page = page;
    this.url = url;
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => this.problems.push(`thrown: ${error.stack ?? error}`));
    page.on("console", (said) => {
      if (said.type() === "error" && !BROWSERS_OWN.test(said.text())) this.problems.push(`console: ${said.text()}`);
    });
  }

  /**
   * Opens a page in a context (storage, cookies) of its own, unless one is passed. `look` has the context's options. If there is
   * room, the panel that breaks connections is open beside the chat.
   */
  static async open(browser, url, { context, look, prepare, ...where } = {}) {
    const given = context ?? (await browser.newContext(look));
    const one = new ChatPage(await given.newPage(), url);
    await prepare?.(one.page);
    await one.visit(where);
    if ((one.page.viewportSize()?.width ?? 0) >= 1180) await one.openLab();
    return one;
  }

  async visit({ chat, base, view = "source" } = {}) {
    const query = new URLSearchParams({ view, ...(base === undefined ? {} : { base }) });
    await this.page.goto(`${this.url}/?${query}${chat ? `#/chat/${chat}` : ""}`);
    await this.shown("message-input", "failure");
  }

  /** Sends a suggestion of the page. */
  async suggest(title) {
    await this.page.click(`.suggestions button:has-text("${title}")`);
  }

  /** Opens the panel that breaks connections. The focus stays where it is. */
  async openLab() {
    if ((await this.page.getAttribute(at("open-lab"), "aria-expanded")) === "false") await this.press("open-lab");
  }

  async shown(...names) {
    await this.page.waitForSelector(names.map(at).join(","), { state: "attached" });
  }

  async send(text) {
    await this.page.fill(at("message-input"), text);
    await this.page.press(at("message-input"), "Enter");
  }

  async click(name) {
    await this.page.click(at(name));
  }

  /** Clicks a control, even in a panel that is closed. */
  async press(name) {
    await this.page.$eval(at(name), (button) => button.click());
  }

  /** Waits until the comparison shows one of these verdicts about a reader: "own" or "peer". */
  async verdict(reader, ...kinds) {
    await this.page.waitForSelector(kinds.map((kind) => `${at(`${reader}-verdict`)}[data-verdict="${kind}"]`).join(","));
  }

  /** Returns the id of the chat on the page, once it has one. */
  async chat() {
    await this.page.waitForFunction(() => location.hash.startsWith("#/chat/"));
    return decodeURIComponent(new URL(this.page.url()).hash.slice("#/chat/".length));
  }

  /** Waits for one of these statuses. */
  async status(...names) {
    await this.page.waitForSelector(names.map((name) => `${at("status")}[data-status="${name}"]`).join(","));
  }

  /** Waits until the nth answer is complete. */
  async settled(answers = 1) {
    await this.page.waitForFunction(
      (wanted) => {
        const status = document.querySelector('[data-testid="status"]')?.getAttribute("data-status");
        const there = document.querySelectorAll('[data-testid="answer"]').length;
        return there >= wanted && (status === "completed" || status === "idle" || status === "stopped");
      },
      answers,
    );
  }

  /** Waits until the stream of the chat was reopened so many times. */
  async reconnected(times = 1) {
    await this.page.waitForFunction((wanted) => {
      const shown = document.querySelector('[data-testid="metric-reconnects"]')?.textContent;
      return Number(shown?.replaceAll(",", "")) >= wanted;
    }, times);
  }

  /** Waits until the last answer has at least so many characters. */
  async grown(length, part = "text-source") {
    await this.page.waitForFunction(
      ({ length, part }) => {
        const last = [...document.querySelectorAll('[data-testid="answer"]')].at(-1);
        const texts = last ? [...last.querySelectorAll(`[data-testid="${part}"]`)] : [];
        return texts.reduce((sum, one) => sum + one.textContent.length, 0) >= length;
      },
      { length, part },
    );
  }

  /** Returns the exact texts of all answers. */
  answers() {
    return this.page.$$eval(at("answer"), (answers) =>
      answers.map((one) => [...one.querySelectorAll('[data-testid="text-source"]')].map((text) => text.textContent).join("")),
    );
  }

  questions() {
    return this.page.$$eval(at("question"), (questions) => questions.map((one) => one.firstElementChild.textContent));
  }

  /** Returns the code of the failure that is shown, once there is one. */
  async failureCode() {
    return (await this.page.waitForSelector(at("failure-code"))).textContent();
  }

  async metric(name) {
    return Number((await this.page.textContent(at(`metric-${name}`))).replaceAll(",", ""));
  }

  /** Describes the page, for the reader of a failure. */
  async describe() {
    const shown = await this.page.evaluate(() => {
      const status = document.querySelector('[data-testid="status"]');
      const journal = [...document.querySelectorAll('[data-testid="journal"] li')].map((line) => line.textContent);
      const text = [...document.querySelectorAll('[data-testid="answer"]')].at(-1)?.textContent ?? "";
      return { address: location.href, status: status?.textContent, journal, answer: `${text.length} characters: …${text.slice(-80)}` };
    }).catch((error) => String(error));
    return JSON.stringify({ shown, problems: this.problems }, null, 1);
  }

  async close() {
    await this.page.context().close();
  }
}
