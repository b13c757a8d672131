// Uses the examples that have an agent as a new user would: copied out of the repository, with the packed package, built, and
// opened in Chromium through a cut, a reload and a stop.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../scripts/lib/port.mjs";
import { startServer } from "../e2e/lib/server.mjs";
import { bin, freshFolder, root, run, serve } from "../packaging/lib/fresh.mjs";
import { openStage } from "./lib/example.mjs";
import { installFastApi } from "./lib/fastapi.mjs";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/** How to start each example, and how its page shows the end of an answer. */
const EXAMPLES = {
  "next-ai-sdk": {
    over: "ready",
    /** It has a tool that the page runs, and one that needs approval. */
    asks: true,
    async start(folder, url, stops) {
      const env = { REJOIN_URL: url, REJOIN_AGENT_SECRET: SECRET, AI_GATEWAY_API_KEY: "" };
      const next = bin(folder, "next");
      await run(next, ["build"], { cwd: folder, env });
      const site = await serve(next, ["start", "--hostname", "127.0.0.1", "--port", "0"], { cwd: folder, env, ready: /Ready/ });
      stops.push(site.stop);
      const flags = ["--agent-url", `${site.url}/api/agent`, "--agent-body", "ai-sdk"];
      return { site, flags };
    },
  },
  fastapi: {
    over: "ready",
    async start(folder, url, stops) {
      const python = await installFastApi();
      stops.push(python.remove);
      const agent = await python.start({ REJOIN_URL: url, REJOIN_AGENT_SECRET: SECRET, CHAT_INTERNAL_API_KEY: "k" });
      stops.push(() => agent.kill());
      await run("npm", ["run", "build"], { cwd: folder });
      const args = ["preview", "--port", "0", "--host", "127.0.0.1"];
      const site = await serve(bin(folder, "vite"), args, { cwd: folder, env: { REJOIN_URL: url } });
      stops.push(site.stop);
      return { site, flags: ["--agent-url", `${agent.url}/legacy`] };
    },
  },
};

for (const [name, example] of Object.entries(EXAMPLES)) {
  describe(`examples/${name}`, () => {
    const stops = [];
    let stage;

    before(async () => {
      const app = await freshFolder(join(root, "examples", name));
      stops.push(app.remove);
      const port = await freePort();
      const { site, flags } = await example.start(app.folder, `http://127.0.0.1:${port}`, stops);
      const fixed = ["--listen", `127.0.0.1:${port}`, "--agent", "http", "--agent-secret", SECRET, "--internal-api-key", "k", "--heartbeat-ms", "500"];
      const server = await startServer(...fixed, ...flags);
      stops.push(server.stop);
      stage = await openStage(server, site);
      stops.push(() => stage.close());
    });

    after(async () => {
      for (const stop of stops.reverse()) await stop();
    });

    test("an answer whose connection is cut twice is shown whole, and the agent is asked once", async () => {
      const chat = await stage.open();
      stage.cut(2);
      await chat.send("How is the weather?");
      await chat.status("streaming");
      await chat.status(example.over);
      stage.cut(0);
      assert.equal(await chat.page.locator(".tool").first().textContent(), "weather: output-available");
      await chat.assertWhole();
      await chat.close();
    });

    test("a page that is reloaded in the middle of an answer goes on with it", async () => {
      const chat = await stage.open();
      await chat.send("Tell me more");
      await chat.begun();
      await chat.page.reload();
      await chat.ready();
      await chat.status("streaming");
      await chat.status(example.over);
      await chat.assertWhole();
      await chat.close();
    });

    test("Stop cancels the task, and a page that is reloaded does not bring it back", async () => {
      const chat = await stage.open();
      await chat.send("word ".repeat(500));
      await chat.begun();
      await chat.stop();
      await chat.status("ready", "stopped");
      const { active_stream } = await stage.truth.session(chat.session);
      assert.equal(active_stream, null);
      await chat.page.reload();
      await chat.begun();
      assert.equal(await chat.answer(), await stage.truth.answer(chat.session));
      await chat.close();
    });

    if (!example.asks) return;

    test("a tool of the page sends its output, and the same answer goes on with it", async () => {
      const chat = await stage.open();
      await chat.send("Where am I?");
      await chat.begun();
      await chat.status(example.over);
      assert.equal(await chat.page.locator(".tool").first().textContent(), "location: output-available");
      await chat.assertWhole();
      await chat.close();
    });

    test("a tool that needs approval waits for it over a reload, and the same answer goes on after it", async () => {
      const chat = await stage.open();
      await chat.send("Book a table");
      await chat.page.waitForSelector("text=Approve");
      await chat.page.reload();
      await chat.ready();
      await chat.page.click("text=Approve");
      await chat.begun();
      await chat.status(example.over);
      assert.equal(await chat.page.locator(".tool").first().textContent(), "book: output-available");
      await chat.assertWhole();
      await chat.close();
    });
  });
}
