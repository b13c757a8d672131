// Runs `rejoin-server --agent http` in front of FastAPI under uvicorn, in both dialects, with the agent of examples/fastapi.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../scripts/lib/port.mjs";
import { startServer } from "../e2e/lib/server.mjs";
import { installFastApi } from "./lib/fastapi.mjs";
import { all, ask, createSession, send, storedText, textOf, until } from "./lib/reader.mjs";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DIALECTS = [
  { path: "/legacy", form: "rejoin", delta: "text_chunk" },
  { path: "/ai-sdk", form: "ai-sdk", delta: "text-delta" },
];

let python;
before(async () => {
  python = await installFastApi();
});
after(() => python?.remove());

for (const { path, form, delta } of DIALECTS) {
  describe(`POST ${path}`, () => {
    let agent, server;

    before(async () => {
      // The agent needs the server's address before the server starts.
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const environment = { REJOIN_AGENT_SECRET: SECRET, CHAT_INTERNAL_API_KEY: "k", REJOIN_URL: url, AGENT_PACE: "0.02", AGENT_DEPLOYMENT: "0.2" };
      agent = await python.start(environment);
      server = await serverFor(agent, "--listen", `127.0.0.1:${port}`);
    });

    after(async () => {
      await server?.stop();
      await agent?.kill();
    });

    const serverFor = (agent, ...flags) =>
      startServer("--agent", "http", "--agent-url", agent.url + path, "--agent-body", form, "--agent-secret", SECRET, "--internal-api-key", "k", ...flags);

    test("an answer with a tool is streamed and stored, and its signature was right", async () => {
      const session = await createSession(server);
      const { task, chunks } = await send(server, session, "How is the weather?");
      const list = await all(chunks);
      assert.match(textOf(list), /^You wrote “How is the weather\?”, .* to the end\. $/);
      assert.equal(await storedText(server, session), textOf(list));
      assert.equal((await ask(server, `/tasks/${task}`)).status, "completed");
      const { messages } = await ask(server, `/sessions/${session}`);
      assert.deepEqual(JSON.parse(messages.at(-1).content), { celsius: 21 });
    });

    test("an operation reports its end by the webhook, and the agent goes on", async () => {
      const session = await createSession(server);
      const { task, chunks } = await send(server, session, "deploy it");
      const list = await all(chunks);
      assert.equal(textOf(list), 'The operation is over: {"version": 42}. ');
      assert.equal((await ask(server, `/tasks/${task}`)).status, "completed");
    });

    test("a request with another signature is refused, and the user learns no more than that", async () => {
      const stranger = await startServer("--agent", "http", "--agent-url", agent.url + path, "--agent-body", form, "--agent-secret", "whsec_c29tZXRoaW5nIGVsc2U=");
      const list = await all((await send(stranger, await createSession(stranger), "hello")).chunks);
      assert.deepEqual(list.slice(1).map(({ type, code }) => code ?? type), ["AGENT_REFUSED", "finish"]);
      await stranger.stop();
    });

    test("a stop reaches the agent, and the answer ends with what was written", async () => {
      const session = await createSession(server);
      const { task, chunks } = await send(server, session, "tell me ".repeat(500));
      const seen = await until(chunks, ({ type }) => type === delta);
      await ask(server, `/tasks/${task}/cancel`, { method: "POST" });
      const rest = await all(chunks);
      assert.deepEqual(rest.slice(-2).map(({ type }) => type), ["abort", "finish"]);
      assert.equal(await storedText(server, session), textOf([...seen, ...rest]));
    });

    test("two hundred at once are each whole", async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, async (_, number) => {
          const list = await all((await send(server, await createSession(server), `number ${number}`)).chunks);
          return textOf(list).includes(`“number ${number}”`) && list.at(-1).type === "finish" && list.at(-2).type !== "error";
        }),
      );
      assert.ok(answers.every(Boolean));
    });

    test("kill -9 of the agent fails the task as cut off, with what came kept", async () => {
      const mortal = await python.start({ REJOIN_AGENT_SECRET: SECRET });
      const before = await serverFor(mortal);
      const session = await createSession(before);
      const { chunks } = await send(before, session, "tell me ".repeat(500));
      const seen = await until(chunks, ({ type }) => type === delta);
      await mortal.kill();
      const rest = await all(chunks);
      assert.deepEqual(rest.slice(-2).map(({ type, code }) => code ?? type), ["AGENT_CUT", "finish"]);
      assert.equal(await storedText(before, session), textOf([...seen, ...rest]));
      // The next turn finds no agent, and its answer says so.
      const next = await all((await send(before, session, "still there?")).chunks);
      assert.deepEqual(next.slice(1).map(({ type, code }) => code ?? type), ["AGENT_UNAVAILABLE", "finish"]);
      await before.stop();
    });
  });
}
