// `node tests/e2e/animation.mjs`: makes docs/animation.webp for the README. A connection is cut beside a plain reader, a page is
// reloaded, and a second tab opens. Needs img2webp (Debian's package webp).

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ChatPage, launch } from "./lib/browser.mjs";
import { startServer } from "./lib/server.mjs";
import { FaultProxy } from "./proxy.mjs";

const target = resolve(import.meta.dirname, "../../docs/animation.webp");
const SIZE = { width: 1100, height: 700 };
/** The length of the film, and the time of its last picture, in milliseconds. */
const [LENGTH_MS, END_MS] = [8_000, 1_800];
/** The shortest time between two pictures of the film, in milliseconds. */
const LEAST_MS = 110;

/** The pictures of a film, with the times at which they were taken. */
class Film {
  #folder = mkdtempSync(join(tmpdir(), "rejoin-film-"));
  #page;
  #pictures = [];
  #shot = Promise.resolve();
  #isRunning = false;

  /** Takes pictures of this page until `cut` is called. */
  run(page) {
    this.#page = page;
    this.#isRunning = true;
    this.#shot = this.#shoot();
  }

  /** Takes one more picture, so that the last change is in the film. */
  async cut() {
    this.#isRunning = false;
    await this.#shot;
    await this.#take();
  }

  async #shoot() {
    while (this.#isRunning) await this.#take();
  }

  /** A page that is being reloaded cannot be photographed. */
  async #take() {
    const path = join(this.#folder, `${String(this.#pictures.length).padStart(4, "0")}.png`);
    const at = performance.now();
    await this.#page.screenshot({ path }).then(() => this.#pictures.push({ path, at }), () => {});
  }

  /** Writes the film, with its slow parts played faster. */
  write() {
    const [first, last] = [this.#pictures.at(0).at, this.#pictures.at(-1).at];
    const pace = (LENGTH_MS - END_MS) / (last - first);
    const kept = this.#pictures.reduce((kept, one) => {
      const place = (one.at - first) * pace;
      if (kept.length === 0 || place - kept.at(-1).place >= LEAST_MS || one.at === last) kept.push({ path: one.path, place });
      return kept;
    }, []);
    const frames = kept.flatMap(({ path, place }, index) => ["-d", String(Math.round((kept[index + 1]?.place ?? place + END_MS) - place)), path]);
    execFileSync("img2webp", ["-loop", "0", "-lossy", "-q", "55", "-m", "6", ...frames, "-o", target]);
    rmSync(this.#folder, { recursive: true });
    return kept.length;
  }
}

/** Shows a caption in the picture. */
function caption(page, text) {
  return page.page.evaluate((text) => {
    document.getElementById("caption")?.remove();
    const box = Object.assign(document.createElement("div"), { id: "caption", textContent: text });
    box.style.cssText =
      "position:fixed;left:61%;bottom:24px;transform:translateX(-50%);z-index:99;padding:8px 22px;border-radius:999px;" +
      "background:#111d;color:#fff;font:600 20px system-ui,sans-serif;white-space:nowrap";
    document.body.append(box);
  }, text);
}

const server = await startServer("--heartbeat-ms", "1000");
const proxy = await new FaultProxy(server.url).up();
const browser = await launch();
const context = await browser.newContext({ viewport: SIZE });
const film = new Film();

const page = new ChatPage(await context.newPage(), proxy.url);
await page.page.goto(proxy.url);
await page.shown("message-input");

// Compares with a plain reader: the connection is cut.
await page.page.click('[data-testid="suggest-compare"]');
await page.grown(200, "text-rendered");
film.run(page.page);
await page.grown(700, "text-rendered");
await caption(page, "The connection is cut");
await page.press("fault-cut");
await page.reconnected();
await page.status("completed");
await page.verdict("own", "true");
await page.verdict("peer", "lost", "doubled", "untrue");
await caption(page, "Left: whole, and asked once. Right: asked again");
await film.cut();

// Another answer: the page is reloaded, and a second tab opens.
await page.send("And when I reload the page?");
film.run(page.page);
await page.grown(300, "text-rendered");
await caption(page, "The page is reloaded");
await page.page.reload();
await page.grown(600, "text-rendered");
await film.cut();

const second = new ChatPage(await context.newPage(), proxy.url);
await second.page.goto(page.page.url());
await second.grown(700, "text-rendered");
await caption(second, "A second tab opens");
film.run(second.page);
await second.status("completed");
await caption(second, "The whole answer, once, in every tab");
await film.cut();

console.log(target, `${film.write()} pictures`, page.problems, second.problems);
await browser.close();
await proxy.down();
await server.stop();
