// Tabs in Firefox.

import { gecko } from "./lib/engines.mjs";
import { suite } from "./lib/suite.mjs";

suite({
  engine: gecko,
  async offline({ driver }, away) {
    await driver.setContext("chrome");
    await driver.executeScript((away) => void (globalThis.Services.io.offline = away), away);
    await driver.setContext("content");
  },
});
