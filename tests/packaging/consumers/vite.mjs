// Vite, with its development server and with its build.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bin, run, serve } from "../lib/fresh.mjs";

export function viteConsumers(gate) {
  const app = () => ({ cwd: join(gate.folder, "vite"), env: { REJOIN_URL: gate.stage.url } });
  const vite = () => bin(gate.folder, "vite");

  test("Vite, dev: an answer that is cut arrives whole, also over rejoin/slim and a URL", async () => {
    await bothEntries(gate, await serve(vite(), ["--port", "0"], app()));
  });

  test("Vite, build: the types hold, the bytes are a file, and an answer that is cut arrives whole", async () => {
    await run(bin(gate.folder, "tsc"), ["--project", "."], app());
    await run(vite(), ["build", "--logLevel", "warn"], app());
    const assets = readdirSync(join(gate.folder, "vite/dist/assets"));
    assert.equal(assets.filter((name) => name.endsWith(".wasm")).length, 1, String(assets));
    await bothEntries(gate, await serve(vite(), ["preview", "--port", "0"], app()));
  });
}

async function bothEntries(gate, { url, stop }) {
  try {
    await gate.stage.assertPageStreams(url);
    await gate.stage.assertPageStreams(`${url}/?slim`);
  } finally {
    await stop();
  }
}
