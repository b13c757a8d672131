// Runs benchmarks in headless Chromium: a new page for each measurement, and the CPU time of a page.

import { readFileSync, readdirSync } from "node:fs";
import { chromium as program } from "../browser.mjs";

export async function startBrowser() {
  const { chromium } = await import("playwright-core");
  const instance = await chromium.launch({ executablePath: program(), args: ["--no-sandbox", "--js-flags=--expose-gc"] });
  return new Browser(instance);
}

export function version({ instance }) {
  return instance.version();
}

class Browser {
  constructor(instance) {
    this.instance = instance;
  }

  close() {
    return this.instance.close();
  }

  /** Runs the rows of rows.mjs in one page. */
  measure(server, options) {
    return this.withPage(async (page) => {
      await page.goto(server);
      const clock = await clockOf(this.instance, page);
      await page.exposeFunction("cpuOfPage", clock);
      return page.evaluate(async ({ server, options }) => {
        const [rejoin, { measure }] = await Promise.all([import("/index.js"), import("/rows.js")]);
        await rejoin.init();
        return measure({ rejoin, server, clock: cpuOfPage, ...options });
      }, { server, options });
    });
  }

  /** Passes a page with a profile of its own to `use`. Errors of the page reject. */
  async withPage(use) {
    const context = await this.instance.newContext();
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(120_000);
      const failed = new Promise((_, reject) => page.once("pageerror", reject));
      failed.catch(() => {});
      return await Promise.race([use(page, failed), failed]);
    } finally {
      await context.close();
    }
  }
}

/**
 * Milliseconds of CPU time of all threads of the page's process. Chromium's own count of it ticks every 10 ms, Linux' does
 * not; the process is the one for which both report the same.
 */
async function clockOf(instance, page) {
  const [processes, metrics] = [await instance.newBrowserCDPSession(), await page.context().newCDPSession(page)];
  await metrics.send("Performance.enable");
  // Keeps the page busy until no other process has used as little time.
  await page.evaluate(() => {
    for (const begin = performance.now(); performance.now() - begin < 200; );
  });
  const { processInfo } = await processes.send("SystemInfo.getProcessInfo");
  const reported = (await metrics.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ProcessTime").value * 1000;
  const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => ({ id, off: Math.abs(cpuOf(id) - reported) }));
  const [{ id, off }] = renderers.sort((a, b) => a.off - b.off);
  if (off > 30) throw new Error(`No process has the CPU time that the page has: ${off} ms off`);
  return () => cpuOf(id);
}

function cpuOf(id) {
  return readdirSync(`/proc/${id}/task`).reduce((sum, thread) => sum + nanoseconds(`/proc/${id}/task/${thread}/schedstat`), 0) / 1e6;
}

/** A thread may end while its file is read. */
function nanoseconds(file) {
  try {
    return Number(readFileSync(file, "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}
