// The `Chat` of `ai` 5, 6 and 7 on the reference server, through a proxy that breaks connections: in the end it shows what the
// server has stored.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createChatStreams, toUIMessages } from "../../dist/index.js";
import { RejoinChatTransport } from "../../dist/ai-sdk.js";
import { random } from "../e2e/lib/random.mjs";
import { Truth, startServer } from "../e2e/lib/server.mjs";
import { FaultProxy } from "../e2e/proxy.mjs";
import { majors, plain } from "./lib/majors.mjs";

let server, truth, proxy;

before(async () => {
  server = await startServer();
  truth = new Truth(server.url);
  proxy = await new FaultProxy(server.url).up();
});

after(async () => {
  await proxy?.down();
  await server?.stop();
});

/** Returns a page: a client and a chat on it. */
function page(ai, id, options = {}) {
  const streams = createChatStreams({ baseUrl: `${proxy.url}/api/chat`, storage: "memory", retry: { initialDelayMs: 5, maxDelayMs: 20 } });
  const transport = new RejoinChatTransport({ streams });
  return { streams, transport, chat: new ai.Chat({ id, transport, ...options }) };
}

/** Resolves when the snapshot of a session satisfies the check. */
function until(streams, id, check) {
  return new Promise((done) => {
    const stop = streams.onSnapshot(id, () => {
      if (!check(streams.getSnapshot(id))) return;
      stop();
      done();
    });
  });
}

const textOf = (message) => message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
const isStream = ({ path }) => path.includes("/stream");

/** Breaks each of the first `most` streams at a byte that the seed decides. */
function cutter(seed, most) {
  const { below, pick } = random(seed);
  let left = most;
  return (seen) => {
    if (!isStream(seen) || left-- <= 0) return undefined;
    return { kind: pick(["rst", "fin", "eof"]), at: below(2_500) };
  };
}

for (const { major, ai } of majors) {
  test(`ai ${major}: an answer with text, reasoning and tools, cut at any byte, is whole and was sent once`, async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const id = await truth.createSession();
      const { streams, chat } = page(ai, id);
      proxy.plan = cutter(seed, 4);
      await chat.sendMessage({ text: "/reasoning /tool:search /unicode /tokens:200 /rate:2000" });
      proxy.plan = () => undefined;
      assert.equal(chat.error, undefined, `seed ${seed}`);
      assert.equal(chat.status, "ready");
      const { messages } = await truth.session(id);
      assert.equal(messages.filter(({ role }) => role === "user").length, 1, `seed ${seed}`);
      const stored = messages.filter(({ role }) => role === "assistant").map(({ content }) => content ?? "").join("");
      assert.equal(textOf(chat.messages.at(-1)), stored, `seed ${seed}`);
      assert.equal(chat.messages.length, 2);
      assert.ok(plain(chat.messages[1]).parts.every(({ state }) => state === undefined || ["done", "output-available"].includes(state)));
      streams.close();
    }
  });

  test(`ai ${major}: a page that is reloaded in the middle of an answer shows all of it`, async () => {
    const id = await truth.createSession();
    const before = page(ai, id);
    const sent = before.chat.sendMessage({ text: "/tokens:80 /rate:200" });
    await new Promise((done) => {
      const stop = before.streams.onSnapshot(id, () => {
        if (textOf(before.streams.getSnapshot(id).message ?? { parts: [] }) === "") return;
        stop();
        done();
      });
    });
    before.streams.close();
    await sent;
    const { streams, chat } = page(ai, id);
    await chat.resumeStream();
    assert.equal(chat.error, undefined);
    assert.equal(textOf(chat.messages[0]), await truth.answer(id));
    const { messages } = await truth.session(id);
    assert.equal(chat.messages[0].id, messages.findLast(({ role }) => role === "assistant").id);
    streams.close();
  });

  test(`ai ${major}: an answer goes on with the output of a tool of the page and the user's word, through cuts`, async () => {
    const id = await truth.createSession();
    const finished = [];
    const rounds = [0, 1].map((round) => new Promise((done) => void (finished[round] = done)));
    const isComplete = [ai.lastAssistantMessageIsCompleteWithToolCalls, ai.lastAssistantMessageIsCompleteWithApprovalResponses];
    const { streams, chat } = page(ai, id, {
      sendAutomaticallyWhen: (state) => isComplete.some((check) => check?.(state)),
      onFinish: () => void finished.shift()?.(),
    });
    const asksToo = major > 5 ? "/approve pay" : "";
    await chat.sendMessage({ text: `/client-tool map ${asksToo} /tokens 60 /rate 400` });
    await rounds[0];
    proxy.plan = cutter(7, 3);
    const [map, pay] = chat.messages.at(-1).parts.filter(({ toolCallId }) => toolCallId !== undefined);
    await (chat.addToolOutput ?? chat.addToolResult)({ tool: "map", toolCallId: map.toolCallId, output: { lat: 53.5 } });
    if (pay) await chat.addToolApprovalResponse({ id: pay.approval.id, approved: true });
    await rounds[1];
    proxy.plan = () => undefined;
    assert.equal(chat.error, undefined);
    const { messages } = await truth.session(id);
    const stored = messages.filter(({ role }) => role === "assistant");
    assert.equal(stored.length, 1);
    assert.equal(chat.messages.length, 2);
    assert.equal(textOf(chat.messages.at(-1)), textOf(stored[0]));
    const states = (parts) => parts.filter(({ toolCallId }) => toolCallId !== undefined).map(({ state }) => state);
    assert.deepEqual(states(chat.messages.at(-1).parts), states(stored[0].parts));
    assert.ok(states(stored[0].parts).every((state) => state === "output-available"));
    streams.close();
  });

  test(`ai ${major}: a page that is reloaded in the middle of a continuation shows what the message had, and the rest`, async () => {
    const id = await truth.createSession();
    const before = page(ai, id);
    await before.chat.sendMessage({ text: "/reasoning /client-tool map /tokens 80 /rate 200" });
    const { toolCallId } = before.chat.messages.at(-1).parts.find((part) => part.toolCallId !== undefined);
    const toolOutputs = [{ toolCallId, output: { lat: 53.5 } }];
    before.streams.startStream(id, { message: "", trigger: "continue", toolOutputs });
    await until(before.streams, id, ({ message }) => textOf(message ?? { parts: [] }) !== "");
    before.streams.close();
    const { messages } = await truth.session(id);
    const { streams, chat } = page(ai, id, { messages: toUIMessages(messages) });
    await chat.resumeStream();
    assert.equal(chat.error, undefined);
    const stored = (await truth.session(id)).messages.find(({ role }) => role === "assistant");
    assert.equal(chat.messages.length, 2);
    const shown = (parts) => parts.map(({ type, state, text, input, output }) => ({ type, state, text, input, output }));
    assert.deepEqual(shown(plain(chat.messages[1]).parts), shown(plain(stored).parts));
    streams.close();
  });

  test(`ai ${major}: stop cancels the task on the server`, async () => {
    const id = await truth.createSession();
    const { streams, transport, chat } = page(ai, id);
    const sent = chat.sendMessage({ text: "/tokens:5000 /rate:50" });
    await new Promise((done) => {
      const stop = streams.onSnapshot(id, () => {
        if (!streams.getSnapshot(id).message?.parts.length) return;
        stop();
        done();
      });
    });
    const { taskId } = streams.getSnapshot(id);
    await transport.stop(id);
    await sent;
    assert.equal(chat.status, "ready");
    assert.equal((await truth.task(taskId)).status, "cancelled");
    assert.equal(await transport.reconnectToStream({ chatId: id }), null);
    streams.close();
  });
}
