// The sides of the comparison: each turns the bytes of an answer into one JavaScript object per chunk, or into a message.

import { readUIMessageStream } from "ai";
import { createParser } from "eventsource-parser";

/** The clients, by the `fetch` that they use. */
const clients = new WeakMap();

/** The whole client of this package as an app uses it: created once, for one answer after the other. */
export async function rejoin(api, fetch, onChunk) {
  await answered(clientOf(api, fetch), onChunk);
}

/** The same for an app that shows the message: it reads the message whenever it has changed. */
export async function rejoinMessage(api, fetch, onMessage) {
  const streams = clientOf(api, fetch);
  const leave = streams.onSnapshot("s", () => onMessage(streams.getSnapshot("s").message));
  await answered(streams);
  leave();
  return streams.getSnapshot("s").message;
}

/** Reads one answer and its message. Returns the client with all that it keeps of them. */
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

/** A TypeScript layer like those of many apps: decode, split into lines, `JSON.parse`, switch. */
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

/** The same with eventsource-parser. */
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

/** Only the reads, whose cost every side has. */
export async function reads(fetch) {
  const reader = (await fetch()).body.getReader();
  while (!(await reader.read()).done);
}

/** Only the reads, each into the same buffer. */
export async function readsIntoBuffer(fetch) {
  const reader = (await fetch()).body.getReader({ mode: "byob" });
  for (let buffer = new ArrayBuffer(65_536); ; ) {
    const { done, value } = await reader.read(new Uint8Array(buffer));
    if (done) return;
    buffer = value.buffer;
  }
}

/** The AI SDK's own code from chunks to a message. */
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
