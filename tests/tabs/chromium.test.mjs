// Tabs in Chromium.

import { chromium } from "./lib/engines.mjs";
import { killRenderer } from "./lib/processes.mjs";
import { suite } from "./lib/suite.mjs";

const NO_LIMIT = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };

suite({
  engine: chromium,
  keepsStreams: true,
  async freeze({ driver }, tab, state) {
    await tab.focus();
    await driver.sendDevToolsCommand("Page.setWebLifecycleState", { state });
  },
  crash: killRenderer,
  async offline({ driver, tabs }, away) {
    for (const tab of tabs) {
      await tab.focus();
      await driver.sendDevToolsCommand("Network.emulateNetworkConditions", { offline: away, ...NO_LIMIT });
    }
  },
});
