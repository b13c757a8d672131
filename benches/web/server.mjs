// The server from which the rows read over a real connection. It is a process of its own, so that no side's CPU time includes it.
// It serves files, and replays the log of a task at full speed. `server.mjs NAME=FILE…` prints its address and ends with its
// standard input.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { answer, bytesOf } from "./input.mjs";

const TYPES = { js: "text/javascript", mjs: "text/javascript", wasm: "application/wasm" };
const files = new Map(process.argv.slice(2).map((given) => given.split("=")));
const logs = new Map();

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://bench.test");
  if (files.has(pathname.slice(1))) return sendFile(response, files.get(pathname.slice(1)));
  if (pathname.includes("/stream")) return replay(response, searchParams);
  if (pathname !== "/") return response.writeHead(404).end();
  const script = searchParams.get("script");
  response.setHeader("content-type", "text/html");
  response.end(`<!doctype html><title>bench</title><div id="root"></div>${script ? `<script type="module" src="/${script}"></script>` : ""}`);
});

function sendFile(response, file) {
  response.setHeader("content-type", TYPES[file.split(".").at(-1)]);
  response.end(readFileSync(file));
}

/** Sends the whole log in writes of that size, as fast as the client reads. */
async function replay(response, params) {
  const [bytes, size] = [log(params), Number(params.get("write") ?? 16_384)];
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-task-id": "t1" });
  response.socket.setNoDelay(true);
  const gone = new Promise((done) => response.once("close", done));
  for (let at = 0; at < bytes.length && !response.destroyed; at += size) {
    if (!response.write(bytes.subarray(at, at + size))) await Promise.race([gone, new Promise((done) => response.once("drain", done))]);
  }
  response.end();
}

/**
 * Makes the log. `plain` leaves out the member of this protocol alone, which the AI SDK takes for an error. `compact` merges
 * deltas as a server does for `compact=1` (PROTOCOL §2); `full` makes a server that does not.
 */
function log(params) {
  const deltas = Number(params.get("deltas") ?? 20_000);
  const way = params.has("plain") ? "plain" : params.has("compact") && !params.has("full") ? "compact" : "full";
  const key = `${deltas} ${way}`;
  if (!logs.has(key)) logs.set(key, Buffer.from(bytesOf(WAYS[way](answer(deltas)))));
  return logs.get(key);
}

const WAYS = {
  full: (chunks) => chunks,
  plain: ([{ taskId, ...start }, ...rest]) => [start, ...rest],
  compact: (chunks) => chunks.reduce(merge, []),
};

function merge(merged, chunk) {
  const last = merged.at(-1);
  if (chunk.type === "text-delta" && last?.type === "text-delta") last.delta += chunk.delta;
  else merged.push({ ...chunk });
  return merged;
}

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume().once("end", () => process.exit());
