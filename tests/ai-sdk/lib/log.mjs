// A backend with one task whose answer is already in its log: streams it from any cursor, and cuts it at the requested places.

const JSON_HEADERS = { "content-type": "application/json" };

/** The deltas that `compact=1` merges: the field with the text, and the field with the block. */
const DELTAS = { "text-delta": ["delta", "id"], "reasoning-delta": ["delta", "id"], "tool-input-delta": ["inputTextDelta", "toolCallId"] };

export class LogBackend {
  #entries;
  #cuts;
  /** The requests, as "METHOD url". */
  seen = [];

  /** `cuts` contains the number of events after which each response breaks. A response without a number is complete. */
  constructor(chunks, cuts = []) {
    this.#entries = chunks.map((chunk, at) => ({ id: at + 1, chunk }));
    this.#cuts = [...cuts];
  }

  fetch = async (url, { method }) => {
    this.seen.push(`${method} ${url}`);
    if (method === "GET" && !url.includes("/tasks/")) {
      return new Response(JSON.stringify({ id: "s", messages: [], active_stream: { task_id: "task-1", last_message_id: "0-0" } }), { headers: JSON_HEADERS });
    }
    const query = new URL(url, "http://host").searchParams;
    const after = Number.parseInt(query.get("last_message_id") ?? "0", 10);
    const later = this.#entries.filter(({ id }) => id > after);
    return this.#stream(query.get("compact") === "1" ? compact(later) : later);
  };

  #stream(entries) {
    const most = this.#cuts.shift() ?? Infinity;
    const text = entries.slice(0, most).map(({ id, chunk }) => `id: ${id}-0\ndata: ${JSON.stringify(chunk)}\n\n`);
    const reads = [`: heartbeat 15000\n\n${text.join("")}`];
    const body = new ReadableStream(
      {
        pull(controller) {
          if (reads.length > 0) controller.enqueue(new TextEncoder().encode(reads.shift()));
          else if (most < entries.length) controller.error(new TypeError("network error"));
          else controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { "content-type": "text/event-stream", "x-task-id": "task-1" } });
  }
}

function compact(entries) {
  const merged = [];
  for (const { id, chunk } of entries) {
    const names = DELTAS[chunk.type];
    const last = merged.at(-1);
    const isPlain = names && Object.keys(chunk).length === 3 && typeof chunk[names[0]] === "string";
    if (isPlain && last?.isPlain && last.chunk.type === chunk.type && last.chunk[names[1]] === chunk[names[1]]) {
      last.chunk = { ...last.chunk, [names[0]]: last.chunk[names[0]] + chunk[names[0]] };
      last.id = id;
    } else merged.push({ id, chunk, isPlain });
  }
  return merged;
}
