// Runs `rejoin-server --agent http --agent-body ai-sdk` in front of the AI SDK's own `streamText`, majors 5 to 7: an app's
// existing route, unchanged.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { after, before, describe, test } from "node:test";
import { majors, plain, read, streamOf } from "../ai-sdk/lib/majors.mjs";
import { startServer } from "../e2e/lib/server.mjs";
import { startProcess } from "./lib/process.mjs";
import { all, ask, complete, createSession, join, send, storedText, textOf, until } from "./lib/reader.mjs";

const startAgent = (major) => startProcess(process.execPath, [path(import.meta.dirname, "agents/ai-sdk.mjs"), String(major)]);
const server = (agent, ...flags) =>
  startServer("--agent", "http", "--agent-url", agent.url, "--agent-body", "ai-sdk", "--internal-api-key", "k", ...flags);

for (const { major, ai } of majors) {
  describe(`ai ${major}`, () => {
    let agent, backend;

    before(async () => {
      agent = await startAgent(major);
      backend = await server(agent);
    });

    after(async () => {
      await backend?.stop();
      await agent?.kill();
    });

    test("text, steps, tools and metadata are what the AI SDK's own reader makes of them, and the text is stored", async () => {
      const session = await createSession(backend);
      const chunks = await all((await send(backend, session, "weather")).chunks);
      assert.deepEqual(chunks.at(-1), { type: "finish", finishReason: "stop", messageMetadata: { tokens: 3 } });
      assert.equal(chunks.filter(({ type }) => type === "start").length, 1);
      // The AI SDK's reader rejects fields that it does not know.
      const message = plain(await read(ai, streamOf(chunks.map(({ taskId, ...chunk }) => chunk))));
      assert.deepEqual(message.metadata, { major: String(major), tokens: 3 });
      const tool = message.parts.find(({ type }) => type === "tool-weather");
      assert.deepEqual([tool.state, tool.output], ["output-available", { celsius: 21 }]);
      assert.equal(textOf(chunks), '{"celsius":21} word-0 word-1 word-2 ');
      assert.equal(await storedText(backend, session), textOf(chunks));
    });

    test("the conversation so far reaches the model, with the results of its tools", async () => {
      const session = await createSession(backend);
      await all((await send(backend, session, "weather")).chunks);
      const second = await all((await send(backend, session, "and now?")).chunks);
      assert.equal(second.at(-1).type, "finish");
      assert.equal(textOf(second), "word-0 word-1 word-2 ");
    });

    test("an operation is waited for, and the model goes on with its result", async () => {
      const session = await createSession(backend);
      const { task, chunks } = await send(backend, session, "deploy");
      await until(chunks, ({ output }) => output?.type === "operation_started");
      await complete(backend, `op-${task}`, { version: 42 });
      const rest = await all(chunks);
      assert.deepEqual(rest.find(({ type }) => type === "tool-output-available").output, { version: 42 });
      assert.equal(textOf(rest), '{"version":42} word-0 word-1 word-2 ');
      assert.equal((await ask(backend, `/tasks/${task}`)).status, "completed");
    });

    test("an answer is regenerated, and goes on with the output of a tool of the page", async () => {
      const session = await createSession(backend);
      const first = await all((await send(backend, session, "map")).chunks);
      const again = { trigger: "regenerate", replaces: first[0].messageId };
      const chunks = await all((await send(backend, session, undefined, again)).chunks);
      const { toolCallId } = chunks.find(({ type }) => type === "tool-input-available");
      const body = { trigger: "continue", tool_outputs: [{ tool_call_id: toolCallId, output: { at: "here" } }] };
      const rest = await all((await send(backend, session, undefined, body)).chunks);
      assert.equal(textOf(rest), '{"at":"here"} word-0 word-1 word-2 ');
      const { messages } = await ask(backend, `/sessions/${session}`);
      assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "tool"]);
      assert.equal(messages[1].id, chunks[0].messageId);
      const parts = messages[1].parts.map(({ type, state }) => [type, state]);
      const steps = [["step-start", undefined], ["tool-map", "output-available"], ["step-start", undefined], ["text", "done"]];
      assert.deepEqual(parts, steps);
    });

    test("a tool runs when the user approves it, and not when not", { skip: major === 5 && "it knows no approvals" }, async () => {
      for (const [approved, state] of [[true, "output-available"], [false, "output-denied"]]) {
        const session = await createSession(backend);
        const chunks = await all((await send(backend, session, "pay")).chunks);
        const { approvalId } = chunks.find(({ type }) => type === "tool-approval-request");
        const body = { trigger: "continue", approvals: [{ approval_id: approvalId, approved }] };
        const rest = await all((await send(backend, session, undefined, body)).chunks);
        assert.deepEqual([rest[1].type, rest.at(-1).type], ["tool-approval-response", "finish"]);
        assert.match(textOf(rest), /word-2/);
        const { messages } = await ask(backend, `/sessions/${session}`);
        const tool = messages[1].parts.find(({ type }) => type === "tool-pay");
        assert.deepEqual([tool.state, tool.approval.approved], [state, approved]);
      }
    });

    test("a stop reaches the route as an aborted request, within a second", async () => {
      const session = await createSession(backend);
      const { task, chunks } = await send(backend, session, "words 5000 every 20");
      await until(chunks, ({ type }) => type === "text-delta");
      const stopped = performance.now();
      await ask(backend, `/tasks/${task}/cancel`, { method: "POST" });
      await agent.when(new RegExp(`hung up on ${task}`));
      assert.ok(performance.now() - stopped < 1000);
      assert.deepEqual((await all(chunks)).slice(-2).map(({ type }) => type), ["abort", "finish"]);
    });

    test("a route whose answer is whole is not hung up on: its onFinish runs", async () => {
      const session = await createSession(backend);
      const { task, chunks } = await send(backend, session, "hello");
      await all(chunks);
      await agent.when(new RegExp(`finished ${task}`));
      assert.ok(!agent.lines.some((line) => line.includes(`hung up on ${task}`)));
    });

    test("a reader that does not read holds nobody up and misses nothing", async () => {
      const session = await createSession(backend);
      const { task, chunks } = await send(backend, session, "words 3000 every 0");
      await agent.when(new RegExp(`finished ${task}`));
      const words = textOf(await all(chunks)).trim().split(" ");
      assert.deepEqual([words.length, words[0], words.at(-1)], [3000, "word-0", "word-2999"]);
    });

    test("two hundred at once are each whole", async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, async () => {
          const session = await createSession(backend);
          return textOf(await all((await send(backend, session, "words 20 every 5")).chunks));
        }),
      );
      const whole = Array.from({ length: 20 }, (_, word) => `word-${word} `).join("");
      assert.deepEqual(new Set(answers), new Set([whole]));
    });

    test("kill -9 of the agent fails the task as cut off, with what came kept", async () => {
      const mortal = await startAgent(major);
      const before = await server(mortal);
      const session = await createSession(before);
      const { chunks } = await send(before, session, "words 5000 every 10");
      const seen = await until(chunks, ({ delta }) => delta === "word-9 ");
      await mortal.kill();
      const rest = await all(chunks);
      assert.deepEqual(rest.slice(-2).map(({ type, code }) => code ?? type), ["AGENT_CUT", "finish"]);
      assert.equal(await storedText(before, session), textOf([...seen, ...rest]));
      await before.stop();
    });

    test("kill -9 of the server closes the agent's connection, and the next server ends the answer with all that was written", async () => {
      const folder = await mkdtemp(path(tmpdir(), "rejoin-agents-"));
      const flags = ["--store", `embedded:${path(folder, "store.redb")}`, "--lease-ms", "500"];
      const first = await server(agent, ...flags);
      const session = await createSession(first);
      const { task, chunks } = await send(first, session, "words 5000 every 10");
      const seen = await until(chunks, ({ delta }) => delta === "word-9 ");
      await first.stop();
      await agent.when(new RegExp(`hung up on ${task}`));
      const second = await server(agent, ...flags);
      const whole = await all(await join(second, task));
      assert.deepEqual(whole.slice(0, seen.length), seen);
      assert.deepEqual(whole.slice(-2).map(({ type, code }) => code ?? type), ["INTERRUPTED", "finish"]);
      assert.equal(await storedText(second, session), textOf(whole));
      await second.stop();
      await rm(folder, { recursive: true });
    });
  });
}
