// What the server stores of an answer is what the AI SDK itself makes of its stream: for every kind of part, for answers that
// end well and for those that don't, and for an answer that goes on in another stream.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { Truth, startServer } from "../e2e/lib/server.mjs";
import { all, chunksOf, send } from "../agents/lib/reader.mjs";
import { choices, orderlyAnswer } from "./lib/answers.mjs";
import { majors, read, streamOf } from "./lib/majors.mjs";

const SEEDS = Number(process.env.SEEDS ?? 40);
/** The AI SDK recognises a continued answer by the message that it has already. */
const newest = majors.at(-1);

/** The answers of the agent by message: `{ chunks, cut }`. */
const answers = new Map();
let agent, server, truth;

before(async () => {
  agent = createServer((request, response) => void answer(request, response)).listen(0, "127.0.0.1");
  await once(agent, "listening");
  server = await startServer("--agent", "http", "--agent-url", `http://127.0.0.1:${agent.address().port}/`);
  truth = new Truth(server.url);
});

after(async () => {
  await server?.stop();
  agent?.close();
  agent?.closeAllConnections();
});

async function answer(request, response) {
  const body = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const chunks = answers.get(`${body.trigger} ${body.message}`);
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(""));
}

/** Streams an answer of the agent. Returns the session, the stream and the stored answer. */
async function stored(name, chunks) {
  answers.set(`submit ${name}`, chunks);
  const session = await truth.createSession();
  const { chunks: stream } = await send(server, session, name);
  return { session, streamed: await all(stream), message: await lastAnswer(session) };
}

async function lastAnswer(session) {
  const { messages } = await truth.session(session);
  return messages.findLast(({ role }) => role === "assistant");
}

/** Returns what a major makes of the chunks with all blocks ended, because a stored answer does not grow. */
async function reduced(ai, chunks, message) {
  const whole = chunks.filter(({ type }) => type !== "error");
  const made = await read(ai, streamOf(whole), message);
  const ended = (part) => (part.state === "streaming" ? { ...part, state: "done" } : part);
  return { parts: made.parts.map(ended), metadata: made.metadata };
}

/** Removes empty steps, which the AI SDK does not show. */
function shown(parts) {
  return parts.slice(0, parts.findLastIndex(({ type }) => type !== "step-start") + 1);
}

/** Removes what earlier majors do not know of a part or store elsewhere: the input of a failed call. */
function asMajor(major, { parts, metadata }) {
  return { parts: shown(major === 7 ? parts : parts.map(asEarlier)), metadata };
}

function asEarlier({ resultProviderMetadata, rawInput, title, ...part }) {
  const { id, input, ...rest } = part;
  if (part.type === "reasoning") return rest;
  return part.state === "output-error" ? rest : part;
}

const plain = (value) => JSON.parse(JSON.stringify(value));

for (const { major, ai } of majors) {
  test(`ai ${major}: the stored parts are those of its reducer`, async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const chunks = orderlyAnswer(choices(seed), major);
      const { streamed, message } = await stored(`${major} ${seed}`, chunks);
      const expected = await reduced(ai, streamed);
      assert.deepEqual(plain(asMajor(major, message)), plain(asMajor(major, expected)), `seed ${seed}`);
      assert.equal(message.id, streamed[0].messageId);
    }
  });
}

for (const [kind, end] of [
  ["failed", [{ type: "error", errorText: "no" }]],
  ["cancelled", [{ type: "abort", reason: "enough" }]],
  ["cut off", []],
]) {
  test(`of an answer that is ${kind} the parts are what the reducer has, with its blocks ended`, async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = choices(seed);
      const whole = orderlyAnswer(random, 7).slice(0, -1);
      const chunks = [...whole.slice(0, 1 + random.below(whole.length)), ...end];
      const { streamed, message } = await stored(`${kind} ${seed}`, chunks);
      const expected = await reduced(newest.ai, streamed);
      assert.deepEqual(plain(asMajor(7, message)), plain(asMajor(7, expected)), `seed ${seed}`);
    }
  });
}

test("text that was cut within a character is whole, and the order of keys is the stream's", async () => {
  const chunks = [
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "a\ud83d" },
    { type: "text-delta", id: "t", delta: "\ude00b" },
    { type: "text-end", id: "t" },
    { type: "data-x", data: { z: 1, a: { y: 1, b: 2 } } },
    { type: "finish" },
  ];
  const { message } = await stored("emoji", chunks);
  assert.equal(message.parts[0].text, "a😀b");
  assert.equal(message.content, "a😀b");
  assert.equal(JSON.stringify(message.parts[1].data), '{"z":1,"a":{"y":1,"b":2}}');
});

test("an answer that goes on has the parts that the reducer makes of both streams", async () => {
  const call = [
    { type: "start-step" },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Where?" },
    { type: "text-end", id: "t" },
    { type: "tool-input-available", toolCallId: "c", toolName: "map", input: { q: 1 } },
    { type: "tool-input-available", toolCallId: "d", toolName: "pay", input: {}, dynamic: true },
    { type: "tool-approval-request", toolCallId: "d", approvalId: "ask" },
    { type: "finish-step" },
    { type: "finish", messageMetadata: { model: "m" } },
  ];
  const { session, streamed, message } = await stored("both", call);
  const first = await reduced(newest.ai, streamed);
  answers.set("continue both", [
    { type: "start", messageId: message.id, messageMetadata: { again: true } },
    { type: "tool-output-available", toolCallId: "d", output: "paid", dynamic: true },
    { type: "start-step" },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "There." },
    { type: "text-end", id: "t" },
    { type: "finish-step" },
    { type: "finish" },
  ]);
  const response = await fetch(`${server.url}/api/chat/sessions/${session}/stream`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      trigger: "continue",
      tool_outputs: [{ tool_call_id: "c", output: [1, { two: null }] }],
      approvals: [{ approval_id: "ask", approved: true }],
    }),
  });
  assert.equal(response.status, 200);
  const rest = await all(chunksOf(response.body));
  const expected = await reduced(newest.ai, rest, { id: message.id, role: "assistant", ...first });
  const { parts, metadata } = await lastAnswer(session);
  assert.deepEqual(plain({ parts, metadata }), plain(expected));
  assert.deepEqual(metadata, { model: "m", again: true });
});
