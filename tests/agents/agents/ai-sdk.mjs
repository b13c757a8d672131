// A route as an app of the AI SDK has it, in a process of its own: `node ai-sdk.mjs MAJOR`. What the model says depends on
// the message: `words N every M` is N words with M ms between them, `weather` calls a tool, `deploy` starts an operation, `map`
// calls a tool of the page, `pay` one that asks for approval (majors 6 and 7).

import { createServer } from "node:http";

const major = process.argv[2];
const ai = await import(`../../ai-sdk/ai-${major}/index.mjs`);
const { MockModel } = await import(`../../ai-sdk/ai-${major}/test.mjs`);
const stop = (ai.stepCountIs ?? ai.isStepCount)(3);

const tools = {
  weather: ai.tool({
    description: "The weather of a city",
    inputSchema: ai.jsonSchema({ type: "object", properties: { city: { type: "string" } } }),
    execute: async () => ({ celsius: 21 }),
  }),
  map: ai.tool({ description: "Where the user is", inputSchema: ai.jsonSchema({ type: "object" }) }),
  pay: ai.tool({
    description: "Pays",
    inputSchema: ai.jsonSchema({ type: "object" }),
    needsApproval: true,
    execute: async () => ({ paid: true }),
  }),
};

/** Returns a tool whose result arrives later from another service. */
function deployment(task) {
  return ai.tool({
    description: "Deploys",
    inputSchema: ai.jsonSchema({ type: "object" }),
    execute: async () => ({ type: "operation_started", operation_id: `op-${task}`, task_id: task, tool_name: "deploy", message: "It runs." }),
  });
}

const isOver = major === "5" ? (reason) => reason : (reason) => ({ unified: reason, raw: reason });
const usage = major === "5" ? { inputTokens: 1, outputTokens: 2, totalTokens: 3 } : { inputTokens: { total: 1 }, outputTokens: { total: 2 } };
const finish = (reason) => ({ type: "finish", finishReason: isOver(reason), usage });

const model = new MockModel({
  doStream: async ({ prompt, abortSignal }) => ({ stream: ReadableStream.from(spoken(prompt, abortSignal)) }),
});

async function* spoken(prompt, signal) {
  yield { type: "stream-start", warnings: [] };
  const asked = prompt.findLast(({ role }) => role === "user").content.map(({ text }) => text).join("");
  const results = prompt.slice(prompt.findLastIndex(({ role }) => role === "user")).filter(({ role }) => role === "tool");
  const tool = ["weather", "deploy", "map", "pay"].find((name) => asked.includes(name));
  if (tool && results.length === 0) {
    yield { type: "tool-call", toolCallId: `call-${crypto.randomUUID()}`, toolName: tool, input: JSON.stringify({ city: "Berlin" }) };
    yield finish("tool-calls");
    return;
  }
  const [, number, every] = /words (\d+) every (\d+)/.exec(asked) ?? [0, 3, 0];
  yield { type: "text-start", id: "t" };
  if (results.length > 0) yield { type: "text-delta", id: "t", delta: `${JSON.stringify(results.at(-1).content.at(-1).output.value)} ` };
  for (let word = 0; word < number; word++) {
    yield { type: "text-delta", id: "t", delta: `word-${word} ` };
    if (every > 0) await new Promise((done) => setTimeout(done, every));
    if (signal?.aborted) throw signal.reason;
  }
  yield { type: "text-end", id: "t" };
  yield finish("stop");
}

createServer(async (request, response) => {
  const body = await new Response(request).json();
  const hangUp = new AbortController();
  response.once("close", () => {
    if (response.writableFinished) return;
    hangUp.abort();
    console.log(`hung up on ${body.rejoin.task_id}`);
  });
  const result = ai.streamText({
    model,
    messages: await ai.convertToModelMessages(body.messages),
    tools: { ...tools, deploy: deployment(body.rejoin.task_id) },
    // The server waits for an operation that was started, not the model.
    stopWhen: [stop, ({ steps }) => steps.at(-1).toolResults.some(({ output }) => output?.type === "operation_started")],
    abortSignal: hangUp.signal,
    onFinish: () => console.log(`finished ${body.rejoin.task_id}`),
    onError: ({ error }) => console.log(`failed: ${error}`),
  });
  result.pipeUIMessageStreamToResponse(response, {
    messageMetadata: ({ part }) => (part.type === "start" ? { major } : part.type === "finish" ? { tokens: 3 } : undefined),
  });
}).listen(0, "127.0.0.1", function () {
  console.log(`listening on http://127.0.0.1:${this.address().port}`);
});
