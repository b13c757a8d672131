// A backend in a few lines, as a `fetch`: each request is answered by the test, event by event, when it says so.

/** A stream that a test writes. */
class Stream {
  #ms = 0;
  #controller;
  isCancelled = false;

  constructor(request, headers) {
    this.request = request;
    const body = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      cancel: () => void (this.isCancelled = true),
    });
    request.signal?.addEventListener("abort", () => {
      this.isCancelled = true;
      try {
        this.#controller.error(new DOMException("aborted", "AbortError"));
      } catch {
        // It is over already.
      }
    });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
  }

  /** Sends chunks, each with the next event id. */
  send(...chunks) {
    for (const chunk of chunks) this.raw(`id: ${(this.#ms += 1)}-0\ndata: ${JSON.stringify(chunk)}\n\n`);
    return this;
  }

  text(...deltas) {
    return this.send(...deltas.map((delta) => ({ type: "text-delta", id: "0", delta })));
  }

  raw(text) {
    this.#controller.enqueue(new TextEncoder().encode(text));
    return this;
  }

  /** The next event id is that of the log's `ms`. */
  from(ms) {
    this.#ms = ms - 1;
    return this;
  }

  begin(taskId = "task-1") {
    return this.send({ type: "start", messageId: "m-1", taskId }, { type: "text-start", id: "0" });
  }

  finish() {
    return this.send({ type: "finish", finishReason: "stop" }).raw("data: [DONE]\n\n").eof();
  }

  eof() {
    this.#controller.close();
    return this;
  }

  /** Breaks the connection; what was sent and not read yet is lost with it. */
  cut() {
    this.#controller.error(new TypeError("network error"));
    return this;
  }
}

/** Requests in order; those of streams wait to be answered by the test. */
export class Backend {
  requests = [];
  #streams = [];
  #waiting = [];
  #answers = new Map();

  /** Answers requests of a path (a suffix) with JSON instead of a stream. */
  answer(suffix, status, body = {}) {
    this.#answers.set(suffix, () => Response.json(body, { status }));
    return this;
  }

  fetch = async (url, init) => {
    const request = { url, ...init, headers: Object.fromEntries(new Headers(init.headers)), body: init.body && JSON.parse(init.body) };
    this.requests.push(request);
    for (const [suffix, answer] of this.#answers) if (url.split("?")[0].endsWith(suffix)) return answer();
    const stream = new Stream(request);
    const waiting = this.#waiting.shift();
    if (waiting) waiting(stream);
    else this.#streams.push(stream);
    return stream.response;
  };

  /** The next stream that was asked for. */
  stream() {
    const stream = this.#streams.shift();
    return stream ? Promise.resolve(stream) : new Promise((done) => this.#waiting.push(done));
  }
}

/** Waits until something is so; for what has no event to wait for. */
export async function until(isSo, what = "it did not come to be") {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (isSo()) return;
    await new Promise((done) => setTimeout(done, 2));
  }
  throw new Error(typeof what === "function" ? what() : what);
}
