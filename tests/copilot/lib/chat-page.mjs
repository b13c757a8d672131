// The app in a browser as a person sees it: its rows, whether an answer is being written, and its controls.

/** Shorter than those of a person, but longer than a busy machine may delay a page. */
const TIMES = { retry: "40", poll: "250", stall: "4000" };

export class ChatPage {
  /** @param {import("playwright-core").Page} page */
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    page.setDefaultTimeout(30_000);
  }

  static async open(context, origin, { state, session }) {
    const one = new ChatPage(await context.newPage(), origin);
    await one.visit({ state, session });
    return one;
  }

  async visit({ state, session }) {
    this.state = state;
    await this.page.goto(`${this.origin}/${state}/index.html?${new URLSearchParams(TIMES)}#${session}`);
    await this.shows(session);
  }

  async reload() {
    const session = new URL(this.page.url()).hash.slice(1);
    await this.page.reload();
    await this.shows(session);
  }

  /** Opens another chat in the same page. */
  async go(session) {
    await this.page.evaluate((id) => void (location.hash = id), session);
    await this.shows(session);
  }

  async shows(session) {
    await this.page.waitForSelector(`[data-testid="chat"][data-session="${session}"]`);
  }

  async send(text) {
    await this.page.fill('[data-testid="input"]', text);
    await this.page.press('[data-testid="input"]', "Enter");
    await this.page.waitForFunction((wanted) => [...document.querySelectorAll('[data-row="user"]')].some((row) => row.textContent === wanted), text);
  }

  /** Presses the button at the moment at which it exists, because it moves while the answer grows. */
  async stop() {
    await this.page.waitForFunction(() => {
      const button = document.querySelector('[data-testid="stop"]');
      button?.click();
      return button !== null;
    });
  }

  /** Waits until the last answer has at least so many characters, or until a row whose kind begins with a text exists. */
  async grown(wanted) {
    await this.page.waitForFunction((wanted) => {
      if (typeof wanted === "string") return document.querySelector(`[data-row^="${wanted}"]`) !== null;
      const last = [...document.querySelectorAll('[data-row="assistant"]')].at(-1);
      return (last?.textContent.length ?? 0) >= wanted;
    }, wanted);
  }

  /** Waits until nothing is being written. */
  async idle() {
    await this.page.waitForSelector('[data-testid="chat"][data-streaming="false"]');
  }

  /** Waits until nothing is being written and the rows are right. It does not fail if that does not happen in time. */
  async becomes(isRight, limitMs) {
    const until = performance.now() + limitMs;
    for (;;) {
      const { rows, isStreaming } = await this.describe();
      if ((!isStreaming && isRight(rows)) || performance.now() > until) return;
      await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
    }
  }

  async describe() {
    return this.page.evaluate(() => ({
      rows: [...document.querySelectorAll("[data-row]")].map((row) => [row.dataset.row, row.textContent]),
      isStreaming: document.querySelector('[data-testid="chat"]')?.dataset.streaming === "true",
      toasts: [...document.querySelectorAll('[data-testid="toast"]')].map((toast) => toast.textContent),
    }));
  }

  close() {
    return this.page.close();
  }
}
