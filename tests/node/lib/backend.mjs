// A small backend in the form of a `fetch`. The test answers each request, event by event.

/** A stream that the test writes. */
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
        // The stream has ended already.
      }
    });
    this.response = new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
  }

  /** Sends chunks with consecutive event ids. */
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

  /** Sets the next event id. */
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

  /** Breaks the connection. What was sent and not read yet is lost. */
  cut() {
    this.#controller.error(new TypeError("network error"));
    return this;
  }
}

/** The requests in order. Those for streams wait until the test answers them. */
export class Backend {
  requests = [];
  #streams = [];
  #waiting = [];
  #answers = new Map();

  /** Answers requests whose path has this suffix with JSON instead of a stream. */
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

  /** Returns the next stream that was requested. */
  stream() {
    const stream = this.#streams.shift();
    return stream ? Promise.resolve(stream) : new Promise((done) => this.#waiting.push(done));
  }
}

/** Waits until a condition holds, where no event can be awaited. */
export async function until(isSo, what = "it did not come to be") {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (isSo()) return;
    await new Promise((done) => setTimeout(done, 2));
  }
  throw new Error(typeof what === "function" ? what() : what);
}
