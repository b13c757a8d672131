// Where this machine has its browsers and their drivers.

import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The program, or the one that `CHROMIUM` names. */
export function chromium() {
  return process.env.CHROMIUM ?? first("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
}

/** The program, or the one that `CHROMEDRIVER` names. */
export function chromedriver() {
  return process.env.CHROMEDRIVER ?? first("chromedriver");
}

function first(...programs) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).find((path) => existsSync(path));
}

/** The program, or the one that `FIREFOX` names. */
export function firefox() {
  return process.env.FIREFOX ?? first("firefox-esr", "firefox");
}

/** The program, or the one that `GECKODRIVER` names. */
export function geckodriver() {
  return process.env.GECKODRIVER ?? first("geckodriver");
}

/** WebKitGTK's example browser, which is not on the path; or the one that `MINIBROWSER` names. */
export function miniBrowser() {
  if (process.env.MINIBROWSER) return process.env.MINIBROWSER;
  const roots = ["/usr/lib", "/usr/libexec", ...list("/usr/lib").map((name) => join("/usr/lib", name))];
  return roots.map((folder) => join(folder, "webkit2gtk-4.1/MiniBrowser")).find((path) => existsSync(path));
}

function list(folder) {
  return existsSync(folder) ? readdirSync(folder) : [];
}
