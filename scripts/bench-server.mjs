// `npm run bench:server`: measures what the server costs, on a Redis of its own with a replica, with bounded work and time. Then
// it does the same work with the npm package resumable-stream on the same Redis. It prints tables as Markdown.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { measureAgent } from "./lib/bench/agent.mjs";
import { follow } from "./lib/bench/readers.mjs";
import { difference, startRedis } from "./lib/bench/redis.mjs";
import { figure, printLoad, printTable } from "./lib/bench/table.mjs";
import { buildServerForSpeed } from "./lib/products.mjs";
import { root } from "./lib/run.mjs";
import { startServer } from "./lib/server.mjs";

const IDLE = Number(process.env.READERS ?? 2000);
const TASKS = Number(process.env.TASKS ?? 200);
const AGENT_TASKS = Number(process.env.AGENT_TASKS ?? 100);
const RATE = 50;
const SECONDS = Number(process.env.SECONDS ?? 8);
/** Longer than any measurement, even if opening the streams takes long. The tasks are cancelled after it. */
const TOKENS = RATE * 300;
const FLAGS = ["--max-streams", "20000", "--max-tasks", "5000", "--log", "error"];
const HEAD = ["side", "streams", "readers", "commands sent", "executed", "log reads", "bytes in", "bytes out", "to a replica", "delivery p50 / p99, ms"];

async function main() {
  printLoad("before");
  const program = process.env.REJOIN_SERVER ?? (await buildServerForSpeed());
  const redis = await startRedis();
  const start = (...flags) => startServer(program, "--store", redis.url, ...FLAGS, ...flags);
  try {
    await measureServer(redis, start);
    await measureAgent(start, { tasks: AGENT_TASKS, seconds: SECONDS });
    // The commands are counted from here. Those of the benchmark itself must not be among them.
    await redis.client.configResetStat();
    await measurePeer(redis);
  } finally {
    await redis.stop();
  }
  printLoad("after");
}

async function measureServer(redis, start) {
  const [writer, other] = [await start(), await start()];
  const sides = { "rejoin, one process": new Api(writer.url, writer.url), "rejoin, two processes": new Api(writer.url, other.url) };
  try {
    const idle = await idleCommands(redis);
    console.log(`\nCommands per second that two idle processes send: ${figure(idle.sent)}`);
    await memory("rejoin", writer.pid, new Api(writer.url, writer.url));
    const rows = [];
    for (const [name, api] of Object.entries(sides)) {
      for (const readers of [1, 10, 100]) rows.push(await row(name, api, redis, 1, readers, idle));
    }
    for (const [name, api] of Object.entries(sides)) rows.push(await row(name, api, redis, TASKS, TASKS));
    printTable(`rejoin-server: per chunk, at ${RATE} chunks/s per stream`, HEAD, rows);
  } finally {
    await writer.stop();
    await other.stop();
  }
}

async function measurePeer(redis) {
  const peer = await startPeer(redis.url);
  try {
    const api = new Peer(peer.url);
    await memory("resumable-stream", peer.pid, api);
    const rows = [];
    for (const readers of [1, 10, 100]) rows.push(await row("resumable-stream", api, redis, 1, readers));
    rows.push(await row("resumable-stream", api, redis, TASKS, TASKS));
    printTable(`resumable-stream: per chunk, at ${RATE} chunks/s per stream`, HEAD, rows);
  } finally {
    await peer.stop();
  }
}

async function idleCommands(redis) {
  await sleep(1000);
  const before = await redis.counters();
  await sleep(SECONDS * 1000);
  const counted = difference(await redis.counters(), before);
  return Object.fromEntries(Object.entries(counted).map(([name, count]) => [name, count / SECONDS]));
}

async function memory(name, pid, api) {
  const streams = await api.begin(1, { isSilent: true });
  await sleep(500);
  const before = residentBytes(pid);
  const readers = await follow(IDLE, () => api.stream(streams[0]));
  await sleep(1000);
  console.log(`\nMemory per idle stream, ${name}: ${figure((residentBytes(pid) - before) / IDLE / 1000)} kB (${IDLE} streams)`);
  readers.stop();
  await api.end(streams);
}

/** Measures many readers of one stream, or one reader of each of many. What idle processes send (`idle`) is subtracted. */
async function row(side, api, redis, streams, readers, idle) {
  const begun = await api.begin(streams, { isSilent: false });
  let next = 0;
  const reading = await follow(readers, () => api.stream(begun[next++ % streams]));
  await sleep(1500);
  const before = await redis.counters();
  reading.reset();
  await sleep(SECONDS * 1000);
  const latencies = reading.reset();
  const counted = difference(await redis.counters(), before);
  reading.stop();
  await api.end(begun);
  const chunks = (latencies.total / readers) * streams;
  const per = (name) => figure((counted[name] - (idle?.[name] ?? 0) * SECONDS) / chunks);
  return [side, streams, readers, per("sent"), per("executed"), per("reads"), per("in"), per("out"), per("replica"), latencies.toString()];
}

/** The server: tasks begin in one process and are read in the same or in another one. */
class Api {
  constructor(writer, reader) {
    this.writer = `${writer}/api/chat`;
    this.reader = `${reader}/api/chat`;
  }

  async begin(number, { isSilent }) {
    const message = isSilent ? "/tokens 2 /silence 600000" : `/tokens ${TOKENS} /rate ${RATE}`;
    const begun = [];
    while (begun.length < number) {
      const some = Array.from({ length: Math.min(20, number - begun.length) }, () => this.send(message));
      begun.push(...(await Promise.all(some)));
    }
    return begun;
  }

  /** Detaches from the answer's stream as soon as its task is known. Tries another session while the server is too busy. */
  async send(message, tries = 20) {
    const session = await (await answered(`${this.writer}/sessions`, { method: "POST" })).json();
    const headers = { "content-type": "application/json" };
    const task = await new Promise((done, failed) => {
      const asked = request(`${this.writer}/sessions/${session.id}/stream`, { method: "POST", agent: false, headers }, (response) => {
        if (response.statusCode === 200 || (response.statusCode === 503 && tries > 0)) done(response.headers["x-task-id"]);
        else failed(new Error(`send: ${response.statusCode}`));
        response.on("error", () => {});
        asked.destroy();
      });
      asked.on("error", failed);
      asked.end(JSON.stringify({ message }));
    });
    return task ?? this.send(message, tries - 1);
  }

  stream(task) {
    return `${this.reader}/tasks/${task}/stream`;
  }

  end(tasks) {
    return Promise.all(tasks.map((task) => answered(`${this.writer}/tasks/${task}/cancel`, { method: "POST" })));
  }
}

/** The peer, whose streams end with its process. */
class Peer {
  #begun = 0;

  constructor(url) {
    this.url = url;
  }

  async begin(number, { isSilent }) {
    const prefix = `run-${(this.#begun += 1)}`;
    const rate = isSilent ? 0.001 : RATE;
    await answered(`${this.url}/start?prefix=${prefix}&streams=${number}&rate=${rate}&count=${TOKENS}`, { method: "POST" });
    return Array.from({ length: number }, (_, i) => `${prefix}-${i}`);
  }

  stream(id) {
    return `${this.url}/stream?id=${id}`;
  }

  end(ids) {
    return answered(`${this.url}/stop?prefix=${ids[0].slice(0, ids[0].lastIndexOf("-"))}`, { method: "POST" });
  }
}

/** Repeats the request while the server is too busy. */
async function answered(url, options, tries = 20) {
  const response = await fetch(url, options);
  if (response.status === 503 && tries > 0) {
    await response.body?.cancel();
    await sleep(200);
    return answered(url, options, tries - 1);
  }
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

async function startPeer(redisUrl) {
  const child = spawn(process.execPath, [join(root, "scripts/lib/bench-peer.mjs")], {
    env: { ...process.env, REDIS_URL: redisUrl },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((done) => child.stdout.once("data", (line) => done(String(line).trim())));
  return {
    url,
    pid: child.pid,
    async stop() {
      child.kill("SIGKILL");
      await new Promise((done) => child.once("exit", done));
    },
  };
}

await main();
