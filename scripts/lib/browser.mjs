// Finds the browsers and their drivers on this machine.

import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Returns the path of Chromium, or the value of `CHROMIUM`. */
export function chromium() {
  return process.env.CHROMIUM ?? first("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
}

/** Returns the path of ChromeDriver, or the value of `CHROMEDRIVER`. */
export function chromedriver() {
  return process.env.CHROMEDRIVER ?? first("chromedriver");
}

function first(...programs) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find((path) => existsSync(path));
}

/** Returns the path of Firefox, or the value of `FIREFOX`. */
export function firefox() {
  return process.env.FIREFOX ?? first("firefox-esr", "firefox");
}

/** Returns the path of geckodriver, or the value of `GECKODRIVER`. */
export function geckodriver() {
  return process.env.GECKODRIVER ?? first("geckodriver");
}

/** Returns the path of WebKitGTK's example browser, which is not on the PATH, or the value of `MINIBROWSER`. */
export function miniBrowser() {
  if (process.env.MINIBROWSER) return process.env.MINIBROWSER;
  const roots = ["/usr/lib", "/usr/libexec", ...list("/usr/lib").map((name) => join("/usr/lib", name))];
  return roots.map((folder) => join(folder, "webkit2gtk-4.1/MiniBrowser")).find((path) => existsSync(path));
}

function list(folder) {
  return existsSync(folder) ? readdirSync(folder) : [];
}
