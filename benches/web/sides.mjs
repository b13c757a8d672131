// The contenders: each turns the bytes of an answer into one JavaScript object per chunk, or into a message.

import { readUIMessageStream } from "ai";
import { createParser } from "eventsource-parser";

/** By the `fetch` that they were given. */
const clients = new WeakMap();

/** The whole client of this package, as an app uses it: made once, and then asked for one answer after the other. */
export async function rejoin(api, fetch, onChunk) {
  await answered(clientOf(api, fetch), onChunk);
}

/** The same for whoever shows the message: it is looked at whenever it has changed. */
export async function rejoinMessage(api, fetch, onMessage) {
  const streams = clientOf(api, fetch);
  const leave = streams.onSnapshot("s", () => onMessage(streams.getSnapshot("s").message));
  await answered(streams);
  leave();
  return streams.getSnapshot("s").message;
}

/** One answer, and its message; gives a client with all that it keeps of them. */
export async function rejoinOpen(api, fetch) {
  const streams = client(api, fetch);
  await answered(streams);
  streams.getSnapshot("s");
  return streams;
}

function clientOf(api, fetch) {
  if (!clients.has(fetch)) clients.set(fetch, client(api, fetch));
  return clients.get(fetch);
}

function client({ createChatStreams }, fetch) {
  return createChatStreams({ fetch, baseUrl: "http://bench.test", storage: "memory", crossTab: false });
}

async function answered(streams, onChunk) {
  const outcome = await streams.startStream("s", "hi", onChunk);
  if (outcome.kind !== "finished") throw new Error(JSON.stringify(outcome));
}

/** A TypeScript layer as many apps have one: decode, split into lines, JSON.parse, switch. */
export async function typescript(fetch, onChunk) {
  const reader = (await fetch()).body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = dataOf(line);
      if (data === null || data === "[DONE]") continue;
      const chunk = normalise(JSON.parse(data));
      if (chunk) onChunk(chunk);
    }
  }
}

/** The same over eventsource-parser. */
export async function eventsource(fetch, onChunk) {
  const reader = (await fetch()).body.getReader();
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent({ data }) {
      if (data === "[DONE]") return;
      const chunk = normalise(JSON.parse(data));
      if (chunk) onChunk(chunk);
    },
  });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
  }
}

/** The reads alone, which every side pays. */
export async function reads(fetch) {
  const reader = (await fetch()).body.getReader();
  while (!(await reader.read()).done);
}

/** The reads alone, each into the same buffer. */
export async function readsIntoBuffer(fetch) {
  const reader = (await fetch()).body.getReader({ mode: "byob" });
  for (let buffer = new ArrayBuffer(65_536); ; ) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    buffer = value.buffer;
  }
}

/** The AI SDK's way from chunks to a message. */
export async function aiSdk(chunks, onMessage) {
  let next = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if (next < chunks.length) controller.enqueue(chunks[next++]);
      else controller.close();
    },
  });
  let last;
  for await (const message of readUIMessageStream({ stream })) {
    last = message;
    onMessage?.(message);
  }
  return last;
}

function dataOf(line) {
  if (!line.startsWith("data:")) return null;
  return line.slice(line.startsWith("data: ") ? 6 : 5);
}

function normalise(chunk) {
  switch (chunk.type) {
    case "start":
      return chunk.taskId ? { type: "stream_start", taskId: chunk.taskId } : null;
    case "text-start":
      return null;
    case "text-delta":
      return { type: "text_chunk", content: chunk.delta };
    case "text-end":
      return { type: "text_ended" };
    case "tool-input-start":
      return { type: "tool_call_start", tool_id: chunk.toolCallId, tool_name: chunk.toolName, arguments: {} };
    case "tool-input-available":
      return { type: "tool_call_start", tool_id: chunk.toolCallId, tool_name: chunk.toolName, arguments: chunk.input };
    case "tool-output-available":
      return { type: "tool_response", tool_id: chunk.toolCallId, tool_name: chunk.toolName, result: chunk.output, success: chunk.success ?? true };
    case "finish":
      return { type: "stream_end" };
    default:
      return chunk;
  }
}
