// Pages without a framework: with separate modules, and with one bundle.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";

export function plainConsumers(gate) {
  test("a page without a bundler: an answer that is cut arrives whole", () => {
    return gate.stage.assertPageStreams(`${gate.stage.url}/plain/module.html`);
  });

  test("esbuild: the bundle needs no configuration, and an answer that is cut arrives whole", async () => {
    const at = join(gate.folder, "plain");
    const { warnings } = await build({ absWorkingDir: at, entryPoints: ["chat.js"], outfile: join(at, "bundle.js"), bundle: true, minify: true, logLevel: "silent" });
    assert.deepEqual(warnings, []);
    await gate.stage.assertPageStreams(`${gate.stage.url}/plain/bundled.html`);
  });
}
