// The streams to measure: made once, in the form that a server sends, and the same for every side.

const WORDS = "the answer to that is longer than one would think and it comes in pieces of a word or two ".split(" ");
const encoder = new TextEncoder();

/** Returns the bytes of a task: `start`, that many text deltas, a tool call with its result after every 50th, and `finish`. */
export function answer(deltas) {
  const chunks = [{ type: "start", messageId: "m1", taskId: "t1" }, { type: "text-start", id: "0" }];
  for (let index = 0; index < deltas; index++) {
    chunks.push({ type: "text-delta", id: "0", delta: `${WORDS[index % WORDS.length]} ` });
    if (index % 100 === 99) chunks.push(...tool(`call-${index}`));
  }
  chunks.push({ type: "text-end", id: "0" }, { type: "finish" });
  return chunks;
}

function tool(toolCallId) {
  return [
    { type: "tool-input-available", toolCallId, toolName: "search", input: { query: "rust wasm", limit: 10 } },
    { type: "tool-output-available", toolCallId, output: { hits: [{ title: "one", score: 0.5 }, { title: "two", score: 0.25 }] } },
  ];
}

/** Returns the chunks of a task with one tool call, whose input is `times` × 128 kB in that many deltas. */
export function toolInput(deltas, times = 1) {
  const input = JSON.stringify({ rows: Array.from({ length: 2048 * times }, (_, row) => ({ id: row, name: `row number ${row}`, tags: ["a", "b"], ok: true })) });
  const size = Math.ceil(input.length / deltas);
  const chunks = [{ type: "start", messageId: "m1", taskId: "t1" }, { type: "tool-input-start", toolCallId: "c1", toolName: "write" }];
  for (let at = 0; at < input.length; at += size) {
    chunks.push({ type: "tool-input-delta", toolCallId: "c1", inputTextDelta: input.slice(at, at + size) });
  }
  chunks.push({ type: "tool-input-available", toolCallId: "c1", toolName: "write", input: JSON.parse(input) }, { type: "finish" });
  return chunks;
}

/** Returns the event stream of chunks, with ids. */
export function bytesOf(chunks) {
  const events = chunks.map((chunk, index) => `id: ${1763840000000 + (index >> 3)}-${index & 7}\ndata: ${JSON.stringify(chunk)}\n\n`);
  return encoder.encode(`: heartbeat 15000\n\n${events.join("")}data: [DONE]\n\n`);
}

/** Returns a `fetch` whose response has these bytes, in reads of that size. */
export function fetchOf(bytes, size) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
  return async () => {
    let next = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (next < parts.length) controller.enqueue(parts[next++]);
        else controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream", "x-task-id": "t1" } });
  };
}
