// Where this machine has Chromium and its driver.

import { existsSync } from "node:fs";
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
