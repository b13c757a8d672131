// The model: one of the AI SDK's gateway where a key is set, and otherwise a scripted one, which costs nothing.
import type { LanguageModel } from "ai";
import { MockLanguageModelV4, simulateReadableStream } from "ai/test";

type Part = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer Part> ? Part : never;
type Prompt = Parameters<MockLanguageModelV4["doStream"]>[0]["prompt"];

export const model: LanguageModel = process.env.AI_GATEWAY_API_KEY
  ? (process.env.AI_MODEL ?? "openai/gpt-5-mini")
  : new MockLanguageModelV4({
      doStream: async ({ prompt }) => ({ stream: simulateReadableStream({ chunks: spoken(prompt), chunkDelayInMs: 120 }) }),
    });

/** The tool calls of the scripted model, for messages that ask for one. */
const CALLS = [
  { asked: /weather/i, toolName: "weather", input: { city: "Berlin" } },
  { asked: /where/i, toolName: "location", input: {} },
  { asked: /book/i, toolName: "book", input: { restaurant: "The Harbour" } },
];

/** Calls the tool that the message asks for and reports its result. Without a tool it repeats the message. */
function spoken(prompt: Prompt): Part[] {
  const at = prompt.findLastIndex(({ role }) => role === "user");
  const question = texts(prompt[at]).join(" ");
  const results = prompt.slice(at + 1).flatMap((message) => (message.role === "tool" ? message.content : []));
  const wanted = CALLS.find(({ asked }) => asked.test(question));
  if (wanted && results.length === 0) {
    const { toolName, input } = wanted;
    const call: Part = { type: "tool-call", toolCallId: crypto.randomUUID(), toolName, input: JSON.stringify(input) };
    return [{ type: "stream-start", warnings: [] }, call, finish("tool-calls")];
  }
  const said = results.length > 0 ? `The tool says: ${JSON.stringify(results.at(-1))}.` : `You wrote “${question}”.`;
  const words = `${said} I follow a script, since no key is set, and I say as much as it takes to see a stream: reload this page, go offline, or open the chat in a second tab while I speak. The answer goes on.`.split(/(?<= )/);
  return [
    { type: "stream-start", warnings: [] },
    { type: "text-start", id: "text" },
    ...words.map((delta): Part => ({ type: "text-delta", id: "text", delta })),
    { type: "text-end", id: "text" },
    finish("stop"),
  ];
}

function texts(message: Prompt[number] | undefined): string[] {
  return message?.role === "user" ? message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])) : [];
}

function finish(reason: "stop" | "tool-calls"): Part {
  const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined };
  return {
    type: "finish",
    finishReason: { unified: reason, raw: reason },
    usage: { inputTokens: none, outputTokens: { total: undefined, text: undefined, reasoning: undefined } },
  };
}
