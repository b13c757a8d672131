// The three engines: how each is started under WebDriver, and what only it can do to a tab.

import { spawn } from "node:child_process";
import { Builder, Capabilities } from "selenium-webdriver";
import chrome from "selenium-webdriver/chrome.js";
import firefox from "selenium-webdriver/firefox.js";
import { eventually } from "./patience.mjs";
import { chromedriver, chromium as chromiumProgram, firefox as firefoxProgram, geckodriver, miniBrowser } from "../../../scripts/lib/browser.mjs";
import { freePort } from "../../../scripts/lib/port.mjs";

/**
 * @typedef {{ isPrivate?: true, blocksStorage?: true }} Look
 *   What kind of session: a private one, or one whose user has forbidden sites to keep anything.
 * @typedef {{ driver: import("selenium-webdriver").WebDriver, close: () => Promise<void>, pid?: number }} Browser
 * @typedef {{ name: string, isAlwaysPrivate?: true, launch: (look?: Look) => Promise<Browser> }} Engine
 */

const QUIET = [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** @type {Engine} */
export const chromium = {
  name: "Chromium",
  async launch({ isPrivate, blocksStorage } = {}) {
    const options = new chrome.Options();
    options.setChromeBinaryPath(chromiumProgram());
    options.addArguments(...QUIET, ...(isPrivate ? ["--incognito"] : []));
    if (blocksStorage) options.setUserPreferences({ "profile.default_content_setting_values.cookies": 2 });
    const service = new chrome.ServiceBuilder(chromedriver()).build();
    const driver = chrome.Driver.createSession(options, service);
    const pid = (await driver.getCapabilities()).get("goog:processID");
    return { driver, pid, close: () => quit(driver) };
  },
};

/** @type {Engine} */
export const gecko = {
  name: "Firefox",
  async launch({ isPrivate, blocksStorage } = {}) {
    const options = new firefox.Options();
    options.setBinary(firefoxProgram());
    options.addArguments("-headless");
    options.setPreference("browser.privatebrowsing.autostart", isPrivate === true);
    if (blocksStorage) options.setPreference("network.cookie.cookieBehavior", 2);
    const service = new firefox.ServiceBuilder(geckodriver()).addArguments("--allow-system-access").build();
    const driver = firefox.Driver.createSession(options, service);
    await driver.getCapabilities();
    return { driver, close: () => quit(driver) };
  },
};

/** @type {Engine} Its sessions under WebDriver keep nothing on disk: they are private ones. */
export const webkit = {
  name: "WebKitGTK",
  isAlwaysPrivate: true,
  async launch() {
    const service = await startWebKitDriver();
    const browserOptions = { binary: miniBrowser(), args: ["--automation"] };
    const wanted = new Capabilities({ browserName: "MiniBrowser", "webkitgtk:browserOptions": browserOptions });
    const driver = await new Builder().usingServer(service.url).withCapabilities(wanted).build();
    return {
      driver,
      async close() {
        await quit(driver);
        service.stop();
      },
    };
  },
};

async function quit(driver) {
  await driver.quit().catch(() => {});
}

/** Starts the driver in a process group and on a screen of its own, all of which end with the tests. */
async function startWebKitDriver() {
  const port = await freePort();
  const program = ["WebKitWebDriver", `--port=${port}`, "--host=127.0.0.1"];
  const child = spawn("xvfb-run", ["-a", ...program], {
    detached: true,
    stdio: "ignore",
    env: { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", LIBGL_ALWAYS_SOFTWARE: "1" },
  });
  const stop = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // The process has ended already.
    }
  };
  process.once("exit", stop);
  const url = `http://127.0.0.1:${port}`;
  await eventually("WebKitWebDriver answers", () => fetch(`${url}/status`).then((response) => response.ok, () => false));
  return { url, stop };
}
