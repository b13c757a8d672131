// Measures what `rejoin-server --agent http` adds to a chunk of an agent: the time from the agent's write to a reader, through
// the server and directly. The agent and the readers are this process, so one clock measures both.

import { createServer, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** The interval between two chunks of a task, in milliseconds. */
const EVERY = 50;

/**
 * @param {(...flags: string[]) => Promise<{ url: string, stop: () => Promise<void> }>} startServer
 * @param {{ tasks: number, seconds: number }} work
 */
export async function measureAgent(startServer, { tasks, seconds }) {
  const agent = await startAgent();
  const server = await startServer("--agent", "http", "--agent-url", agent.url);
  try {
    const straight = await measured(tasks, seconds, () => post(agent.url, "{}"));
    const through = await measured(tasks, seconds, async () => {
      const { id } = await (await fetch(`${server.url}/api/chat/sessions`, { method: "POST" })).json();
      return post(`${server.url}/api/chat/sessions/${id}/stream`, '{"message":"go"}');
    });
    console.log(`\nrejoin-server --agent http, ${tasks} tasks at ${1000 / EVERY} chunks/s, a reader each`);
    console.log(`  agent's write to a reader: ${quantiles(through)}`);
    console.log(`    straight from the agent: ${quantiles(straight)}`);
  } finally {
    await server.stop();
    agent.stop();
  }
}

/** Starts an agent that writes the time into each chunk. */
async function startAgent() {
  const server = createServer((asked, response) => {
    asked.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"type":"text-start","id":"t"}\n\n');
    const write = () => response.write(`data: {"type":"text-delta","id":"t","delta":"x","sentAt":${performance.now()}}\n\n`);
    // A random start keeps the tasks from writing at the same times.
    let timer = setTimeout(() => (timer = setInterval(write, EVERY)), Math.random() * EVERY);
    response.once("close", () => clearInterval(timer));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}

async function measured(tasks, seconds, open) {
  const latencies = [];
  let counts = false;
  const streams = await Promise.all(Array.from({ length: tasks }, open));
  for (const { response } of streams) {
    response.setEncoding("latin1").on("error", () => {});
    response.on("data", (text) => {
      if (!counts) return;
      const now = performance.now();
      for (const [, sent] of text.matchAll(/"sentAt":([\d.]+)/g)) latencies.push(now - Number(sent));
    });
  }
  await sleep(1500);
  counts = true;
  await sleep(seconds * 1000);
  counts = false;
  streams.forEach(({ asked }) => asked.destroy());
  return latencies.sort((a, b) => a - b);
}

function post(url, body) {
  return new Promise((done, failed) => {
    const headers = { "content-type": "application/json", "content-length": body.length };
    const asked = request(url, { method: "POST", agent: false, headers }, (response) => {
      if (response.statusCode === 200) done({ asked, response });
      else failed(new Error(`${url}: ${response.statusCode}`));
    });
    asked.on("error", failed);
    asked.end(body);
  });
}

function quantiles(sorted) {
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${sorted.length} deliveries)`;
}
