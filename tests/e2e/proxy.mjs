// A fault proxy between a client and a backend: it counts what passes, and breaks the connection at a chosen byte.
//
// It reads HTTP, so that a place in a body means the same however the body was framed and split; the faults are those of
// TCP: a reset, a FIN in the middle of a body, a socket that stays open and says nothing, a port that refuses.

import { EventEmitter, once } from "node:events";
import { createServer, request as httpRequest } from "node:http";

/**
 * @typedef {{ method: string, path: string, nth: number, body: string }} Seen
 *   One request. `nth` counts from 0 those of the same method and path (query left out).
 * @typedef {number | ((body: Buffer) => number)} Place
 *   Bytes of the answer's body to let through; a function is asked with the body so far, and answers -1 while the place
 *   has not come.
 * @typedef {{ kind: "rst" | "fin" | "eof" | "half-open", at: Place }
 *   | { kind: "refuse" }
 *   | { kind: "delay", ms: number }
 *   | { kind: "answer", status: number, headers?: Record<string, string>, body?: string | Buffer }} Fault
 *   `fin` closes inside the body, `eof` ends the body as if it were complete, `half-open` keeps the socket and is silent.
 */

export class FaultProxy extends EventEmitter {
  /** All requests, in order. @type {Seen[]} */
  seen = [];
  /** The number of connections that carry a stream now. */
  streaming = 0;
  /** Called for each request. Returns a fault, or nothing. @type {(seen: Seen) => Fault | undefined | void} */
  plan = () => undefined;

  #target;
  #server;
  #port = 0;

  /** @param {string} target Base URL of the backend. */
  constructor(target) {
    super();
    this.setMaxListeners(0);
    this.#target = new URL(target);
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  get isUp() {
    return this.#server?.listening === true;
  }

  /** Listens. After `down()` it uses the same port. */
  async up() {
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#server.keepAliveTimeout = 60_000;
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = this.#server.address().port;
    return this;
  }

  /** Refuses connections and breaks the open ones. */
  async down() {
    const server = this.#server;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  /** Returns how many requests had this method and a matching path. */
  count(method, path) {
    return this.seen.filter((one) => one.method === method && path.test(one.path)).length;
  }

  /** Resolves with the first event of this name, past or future, that matches. Events: "request", "fault", "closed". */
  async when(name, fits = () => true) {
    const past = this.#past.find((event) => event.name === name && fits(event.about));
    if (past) return past.about;
    for (;;) {
      const [about] = await once(this, name);
      if (fits(about)) return about;
    }
  }

  #past = [];

  #report(name, about) {
    this.#past.push({ name, about });
    this.emit(name, about);
  }

  async #handle(request, response) {
    const body = await readAll(request).catch(() => undefined);
    if (body === undefined) return;
    const seen = this.#note(request, body);
    const fault = this.plan(seen);
    this.#report("request", seen);
    if (fault?.kind === "refuse") return this.#break(response, "rst", seen);
    if (fault?.kind === "answer") return answer(response, fault);
    if (fault?.kind === "delay") await new Promise((done) => setTimeout(done, fault.ms));
    this.#forward(request, body, response, { seen, fault });
  }

  #note(request, body) {
    const { method = "", url = "" } = request;
    const bare = url.split("?")[0];
    const nth = this.seen.filter((one) => one.method === method && one.path.split("?")[0] === bare).length;
    const seen = { method, path: url, nth, body: body.toString() };
    this.seen.push(seen);
    return seen;
  }

  #forward(request, body, response, about) {
    const { hostname, port } = this.#target;
    const headers = { ...request.headers, host: `${hostname}:${port}` };
    const upstream = httpRequest({ hostname, port, method: request.method, path: request.url, headers, agent: false });
    upstream.on("response", (answered) => this.#relay(answered, response, about));
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    upstream.end(body);
  }

  #relay(answered, response, { seen, fault }) {
    const { statusCode = 502, headers } = answered;
    delete headers.connection;
    response.writeHead(statusCode, headers);
    response.flushHeaders();
    this.#countStream(headers, response, seen);
    const cut = fault && "at" in fault ? new Cut(fault) : undefined;
    const pass = (bytes) => {
      const part = cut ? cut.take(bytes) : bytes;
      if (!cut?.reached) return void response.write(part);
      answered.removeAllListeners("data").removeAllListeners("end");
      response.write(part, () => this.#break(response, cut.kind, seen));
    };
    answered.on("data", pass);
    answered.on("end", () => response.end());
    answered.on("error", () => response.destroy());
    if (cut) pass(Buffer.alloc(0)); // The place may be before the first byte.
  }

  #countStream(headers, response, seen) {
    if (!headers["content-type"]?.startsWith("text/event-stream")) return;
    this.streaming += 1;
    response.on("close", () => {
      this.streaming -= 1;
      this.#report("closed", seen);
    });
  }

  #break(response, kind, seen) {
    const { socket } = response;
    if (kind === "rst") socket?.resetAndDestroy();
    if (kind === "fin") socket?.end();
    if (kind === "eof") response.end();
    this.#report("fault", { ...seen, kind });
  }
}

/** Passes bytes up to a position. */
class Cut {
  reached = false;
  kind;
  #at;
  #passed = Buffer.alloc(0);

  constructor({ kind, at }) {
    this.kind = kind;
    this.#at = at;
  }

  /** Returns the part of these bytes that may pass. */
  take(bytes) {
    const before = this.#passed.length;
    this.#passed = Buffer.concat([this.#passed, bytes]);
    const place = typeof this.#at === "number" ? this.#at : this.#at(this.#passed);
    if (place < 0 || place > this.#passed.length) return bytes;
    this.reached = true;
    return bytes.subarray(0, Math.max(0, place - before));
  }
}

function answer(response, { status, headers = {}, body = "" }) {
  response.writeHead(status, headers);
  response.end(body);
}

async function readAll(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
