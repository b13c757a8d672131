// The peer of the server's benchmark: streams of the npm package resumable-stream behind HTTP, in a process of their own.

import { createServer } from "node:http";
import { Readable } from "node:stream";
import { createResumableStreamContext } from "resumable-stream";

// The package rejects a promise of its own that nobody handles.
process.on("unhandledRejection", () => {});

const context = createResumableStreamContext({ waitUntil: (promise) => void promise.catch(() => {}) });

createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/start") await start(url.searchParams, response);
  else if (url.pathname === "/stop") stop(url.searchParams, response);
  else await join(url.searchParams.get("id"), response);
})
  .listen(0, "127.0.0.1", function () {
    console.log(`http://127.0.0.1:${this.address().port}`);
  });

/** The functions that end the streams, by the prefix with which they began. */
const running = new Map();

async function start(query, response) {
  const [rate, count] = [Number(query.get("rate")), Number(query.get("count"))];
  const ids = Array.from({ length: Number(query.get("streams")) }, (_, i) => `${query.get("prefix")}-${i}`);
  running.set(query.get("prefix"), []);
  await Promise.all(ids.map((id) => begin(id, rate, count, running.get(query.get("prefix")))));
  response.end();
}

function stop(query, response) {
  for (const end of running.get(query.get("prefix"))) end();
  running.delete(query.get("prefix"));
  response.end();
}

/** The first reader has to read, because the package produces nothing without one. */
async function begin(id, rate, count, ends) {
  const stream = await context.createNewResumableStream(id, () => produce(rate, count, ends));
  void stream.pipeTo(new WritableStream()).catch(() => {});
}

function produce(rate, count, ends) {
  let sent = 0;
  return new ReadableStream({
    start(controller) {
      const timer = setInterval(() => {
        controller.enqueue(`id: ${Date.now()}-0\ndata: {"type":"text-delta","id":"1","delta":"word-${sent} "}\n\n`);
        sent += 1;
        if (sent === count) end();
      }, 1000 / rate);
      const end = () => {
        if (sent < 0) return;
        clearInterval(timer);
        controller.close();
        sent = -1;
      };
      ends.push(end);
    },
  });
}

/** Joins a stream. The package refuses to if the producer does not acknowledge within a second. */
async function join(id, response) {
  const stream = await context.resumeExistingStream(id).catch(() => null);
  if (!stream) return response.writeHead(503).end();
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  Readable.fromWeb(stream).on("error", () => response.destroy()).pipe(response);
}
