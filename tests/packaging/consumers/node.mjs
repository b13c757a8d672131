// Plain Node with both kinds of modules.

import { join } from "node:path";
import { test } from "node:test";
import { run } from "../lib/fresh.mjs";

export function nodeConsumers(gate) {
  const streamsWith = (script) => gate.stage.assertStreams(async (...given) => {
    return JSON.parse(await run("node", ["--no-warnings", join(gate.folder, "plain", script), ...given], { cwd: gate.folder }));
  });

  test("Node, import: an answer that is cut arrives whole", () => streamsWith("stream.mjs"));
  test("Node, require: an answer that is cut arrives whole", () => streamsWith("stream.cjs"));
}
