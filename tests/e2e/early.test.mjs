// A person who is faster than the WebAssembly or the network loses nothing.

import { test } from "node:test";
import { assertWhole, stage } from "./lib/stage.mjs";

const set = stage();

/** Delays the compilation of the module until the test allows it. */
function holdWebAssembly(page) {
  return page.addInitScript(() => {
    const allowed = new Promise((allow) => (globalThis.allowWebAssembly = allow));
    for (const name of ["instantiate", "instantiateStreaming"]) {
      const original = WebAssembly[name].bind(WebAssembly);
      WebAssembly[name] = async (...args) => (await allowed, original(...args));
    }
  });
}

test("a message that is sent before the WebAssembly has loaded is shown at once, and answered", () =>
  set.scene(undefined, async (scene) => {
    await scene.page.send("Early. /tokens 20 /rate 0");
    await scene.page.shown("question");
    await scene.page.page.evaluate(() => globalThis.allowWebAssembly());
    await scene.page.settled();
    await assertWhole(scene);
  }, { prepare: holdWebAssembly }));

test("a first message that found no network is sent by the button that says so", () =>
  set.scene(undefined, async (scene) => {
    await scene.proxy.down();
    await scene.page.send("First. /tokens 20 /rate 0");
    await scene.page.failureCode();
    await scene.proxy.up();
    await scene.page.click("retry");
    await scene.page.settled();
    await assertWhole(scene);
  }));
