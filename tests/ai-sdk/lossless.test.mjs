// `RejoinChatTransport` sends all that the default transport of `ai` 5, 6 and 7 sends: each field of the same call is searched in
// the request that reaches the backend.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createChatStreams } from "../../dist/index.js";
import { RejoinChatTransport } from "../../dist/ai-sdk.js";
import { Backend, until } from "../node/lib/backend.mjs";
import { majors } from "./lib/majors.mjs";

const FILE = { type: "file", mediaType: "image/png", filename: "a.png", url: "data:image/png;base64,eA==" };

/** Returns the parsed requests that the default transport sends for the calls of `play`. */
async function sentByDefault(ai, messages, play) {
  const requests = [];
  const fetch = async (url, { headers, body }) => {
    requests.push({ headers: Object.fromEntries(new Headers(headers)), body: JSON.parse(body) });
    return new Response('data: {"type":"start","messageId":"m-1"}\n\ndata: {"type":"finish"}\n\ndata: [DONE]\n\n', { headers: { "content-type": "text/event-stream" } });
  };
  const chat = new ai.Chat({ id: "s", messages: structuredClone(messages), generateId: ids(), transport: new ai.DefaultChatTransport({ fetch }) });
  await play(chat);
  return requests.at(-1);
}

/** Returns the requests that reach the backend of `RejoinChatTransport`. Each answer is empty. */
async function sentByRejoin(ai, messages, play, options = {}) {
  const backend = new Backend();
  const streams = createChatStreams({ fetch: backend.fetch, storage: "memory", delivery: "immediate", retry: { initialDelayMs: 1, maxDelayMs: 5 } });
  const chat = new ai.Chat({ id: "s", messages: structuredClone(messages), generateId: ids(), transport: new RejoinChatTransport({ streams, ...options }) });
  let isOver = false;
  const answering = (async () => {
    for (let nth = 1; !isOver; nth++) {
      const stream = await Promise.race([backend.stream(), until(() => isOver)]);
      stream?.begin(`task-${nth}`).finish();
    }
  })();
  await play(chat);
  isOver = true;
  await answering;
  assert.equal(chat.error, undefined);
  streams.close();
  return backend.requests.filter(({ method }) => method === "POST").at(-1);
}

/** Returns a generator of message ids that are the same in both runs. */
function ids() {
  let last = 0;
  return () => `id-${++last}`;
}

/** For each field of the default transport's body, the part of the other request that has to equal it. */
const FIELDS = {
  id: (sent, rejoin) => assert.ok(rejoin.url.includes(`/sessions/${sent}/stream`)),
  trigger: () => {},
  messageId: (sent, { body }) => assert.ok(body.replaces === sent || body.trigger === "continue", `replaces ${body.replaces}`),
  messages: (sent, { body }) => compareMessage(sent.at(-1), body),
};

/** Compares the last message only, because the backend has the others. */
function compareMessage(message, body) {
  if (message.role === "assistant") return;
  for (const [name, value] of Object.entries(message)) {
    if (name === "id") assert.ok(body.message_id === value || body.trigger !== undefined, "id");
    else if (name === "metadata") assert.deepEqual(body.metadata, value);
    else if (name === "parts") assert.deepEqual(body.parts ?? [{ type: "text", text: body.message }], value);
    else assert.equal(name, "role");
  }
}

/** Fails for any field of the default transport's request that the other one lacks. */
function compare(sent, rejoin) {
  for (const [name, value] of Object.entries(sent.headers)) assert.equal(rejoin.headers[name], value, `header ${name}`);
  for (const [name, value] of Object.entries(sent.body)) {
    if (value === undefined) continue;
    if (name in FIELDS) FIELDS[name](value, rejoin);
    else assert.deepEqual(rejoin.body.body?.[name], value, `body.${name}`);
  }
}

const call = { headers: { "x-trace": "7" }, body: { model: "large", deep: { a: [1] } } };
const exchange = [
  { id: "u-1", role: "user", parts: [{ type: "text", text: "One" }] },
  { id: "a-1", role: "assistant", parts: [{ type: "text", text: "a" }] },
];

for (const { major, ai } of majors) {
  const calls = {
    "a message with two texts, a file and metadata": (chat) =>
      chat.sendMessage({ parts: [{ type: "text", text: "Look" }, FILE, { type: "text", text: "here" }], metadata: { mood: "curious" } }, call),
    "a plain message": (chat) => chat.sendMessage({ text: "Hi" }, call),
    "an answer that is regenerated": (chat) => chat.regenerate(call),
    "a named answer that is regenerated": (chat) => chat.regenerate({ messageId: "a-1", ...call }),
    "an edited message": (chat) => chat.sendMessage({ text: "Uno", messageId: "u-1", metadata: { is: "new" } }, call),
  };
  for (const [name, play] of Object.entries(calls)) {
    test(`ai ${major}: ${name} reaches the backend with all that the default transport sends`, async () => {
      compare(await sentByDefault(ai, exchange, play), await sentByRejoin(ai, exchange, play));
    });
  }

  test(`ai ${major}: several texts are joined by a line feed`, async () => {
    const { body } = await sentByRejoin(ai, exchange, (chat) => chat.sendMessage({ parts: [{ type: "text", text: "Look" }, { type: "text", text: "here" }] }));
    assert.equal(body.message, "Look\nhere");
  });

  test(`ai ${major}: a regeneration and an edit say so, under fresh ids, and later calls name the message by its new id`, async () => {
    const again = await sentByRejoin(ai, exchange, (chat) => chat.regenerate());
    assert.deepEqual([again.body.trigger, again.body.replaces], ["regenerate", "u-1"]);
    assert.notEqual(again.body.message_id, "u-1");
    let first;
    const second = await sentByRejoin(ai, exchange, async (chat) => {
      await chat.sendMessage({ text: "Uno", messageId: "u-1" });
      await chat.sendMessage({ text: "Eins", messageId: "u-1" });
    }, {});
    assert.equal(second.body.trigger, "edit");
    assert.notEqual(second.body.replaces, "u-1");
    assert.notEqual(second.body.replaces, second.body.message_id);
    first ??= second.body.replaces;
    assert.equal(typeof first, "string");
  });

  test(`ai ${major}: the outputs of an answer's tools reach the backend`, async () => {
    const parts = [
      { type: "tool-look", toolCallId: "c-1", state: "output-available", input: {}, output: { seen: 1 } },
      { type: "tool-look", toolCallId: "c-2", state: "output-error", input: {}, errorText: "broken" },
      { type: "tool-act", toolCallId: "c-3", state: "approval-responded", input: {}, approval: { id: "ap", approved: false, reason: "no" } },
    ];
    const messages = [exchange[0], { id: "a-1", role: "assistant", parts }];
    const play = (chat) => chat.sendMessage(undefined, call);
    const rejoin = await sentByRejoin(ai, messages, play);
    compare(await sentByDefault(ai, messages, play), rejoin);
    assert.equal(rejoin.body.trigger, "continue");
    assert.deepEqual(rejoin.body.tool_outputs, [{ tool_call_id: "c-1", output: { seen: 1 } }, { tool_call_id: "c-2", error_text: "broken" }]);
    assert.deepEqual(rejoin.body.approvals, [{ approval_id: "ap", approved: false, reason: "no" }]);
  });

  test(`ai ${major}: what cannot be sent is an error`, async () => {
    const backend = new Backend();
    const streams = createChatStreams({ fetch: backend.fetch, storage: "memory" });
    const transport = new RejoinChatTransport({ streams });
    const send = (more) => transport.sendMessages({ chatId: "s", messages: exchange, trigger: "submit-message", messageId: undefined, abortSignal: undefined, ...more });
    await assert.rejects(send({}), { code: "INVALID_ARGUMENT" });
    await assert.rejects(send({ messages: [{ id: "x", role: "system", parts: [] }] }), { code: "INVALID_ARGUMENT" });
    const message = { ...exchange[0], metadata: { a: 1 } };
    await assert.rejects(send({ messages: [message], metadata: { b: 2 } }), { code: "INVALID_ARGUMENT" });
    assert.deepEqual(backend.requests, []);
    streams.close();
  });
}
