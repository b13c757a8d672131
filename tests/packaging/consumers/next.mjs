// Next with the App Router and both of its bundlers.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { bin, run, serve } from "../lib/fresh.mjs";

export function nextConsumers(gate) {
  for (const bundler of ["turbopack", "webpack"]) {
    test(`Next, ${bundler}`, async (t) => {
      const next = bin(gate.folder, "next");
      const app = { cwd: join(gate.folder, "next"), env: { REJOIN_URL: gate.stage.url, NEXT_DIST: `.next-${bundler}` } };
      await run(next, ["build", `--${bundler}`], app);
      const { url, stop } = await serve(next, ["start", "--hostname", "127.0.0.1", "--port", "0"], { ...app, ready: /Ready/ });
      t.after(stop);

      await t.test("a client component shows an answer that is cut, whole", () => gate.stage.assertPageStreams(url));
      await t.test("a server component uses it while it renders", async () => {
        assert.match(await text(`${url}/?session=s&message=m`), /<p id="server">normalised on the server<\/p>/);
      });
      await t.test("importing it on the server uses nothing of WebAssembly", async () => {
        assert.match(await text(`${url}/import`), /<p id="used">nothing<\/p>/);
      });
      await t.test("a route handler streams an answer that is cut, whole", () => {
        return gate.stage.assertStreams(async (_, session, message) => {
          return JSON.parse(await text(`${url}/answer?${new URLSearchParams({ session, message })}`));
        });
      });
    });
  }
}

async function text(address) {
  return (await fetch(address)).text();
}
