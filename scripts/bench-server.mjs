// `npm run bench:server`: what the server costs, on a Redis of its own, bounded in work and time. The same work then goes
// through the npm package resumable-stream on the same Redis, for comparison.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { measureAgent } from "./lib/bench/agent.mjs";
import { freePort } from "./lib/port.mjs";
import { buildServer } from "./lib/products.mjs";
import { root } from "./lib/run.mjs";
import { startServer } from "./lib/server.mjs";

const READERS = Number(process.env.READERS ?? 2000);
const TASKS = Number(process.env.TASKS ?? 200);
const AGENT_TASKS = Number(process.env.AGENT_TASKS ?? 100);
const RATE = 20;
const SECONDS = Number(process.env.SECONDS ?? 8);
/** Longer than any measurement, also where opening the streams takes long; cancelled after it. */
const STEADY = `/tokens ${RATE * 600} /rate ${RATE}`;
const STORED = 20_000;
const LOOKUPS = 500;

/** Counts by whole milliseconds: ids know no finer time. */
class Latencies {
  counts = new Map();
  total = 0;

  add(ms) {
    this.counts.set(ms, (this.counts.get(ms) ?? 0) + 1);
    this.total += 1;
  }

  quantile(share) {
    let left = share * this.total;
    for (const ms of [...this.counts.keys()].sort((a, b) => a - b)) {
      left -= this.counts.get(ms);
      if (left <= 0) return ms;
    }
    return NaN;
  }

  toString() {
    return `p50 ${this.quantile(0.5)} ms, p99 ${this.quantile(0.99)} ms (${this.total} deliveries)`;
  }
}

async function main() {
  const redis = await startRedis();
  try {
    await measureServer(redis);
    await measureAgent((...flags) => startServer(program(), "--store", redis.url, ...flags), { tasks: AGENT_TASKS, seconds: SECONDS });
    await measurePeer(redis);
  } finally {
    await redis.stop();
  }
}

const program = () => process.env.REJOIN_SERVER ?? buildServer("release");

async function measureServer(redis) {
  const flags = ["--store", redis.url, "--max-streams", "20000", "--max-tasks", "5000"];
  const server = await startServer(program(), ...flags);
  const api = new Api(server.url);
  try {
    console.log(`\nrejoin-server on Redis`);
    await idleMemory(api, server.pid);
    await oneTask(api, redis);
    await manyTasks(api, redis);
    await lookups(api, redis);
  } finally {
    await server.stop();
  }
}

async function idleMemory(api, pid) {
  const { task, leave } = await api.begin(await api.session(), "/tokens 2 /silence 600000");
  await sleep(500);
  const before = residentBytes(pid);
  const readers = await follow(READERS, () => api.url(`/tasks/${task}/stream`));
  await sleep(1000);
  console.log(`  memory per idle stream: ${Math.round((residentBytes(pid) - before) / READERS / 1024)} KiB (${READERS} streams)`);
  readers.stop();
  leave();
  await api.cancel(task);
}

async function oneTask(api, redis) {
  const { task, leave } = await api.begin(await api.session(), STEADY);
  const readers = await follow(READERS, () => api.url(`/tasks/${task}/stream`));
  const { latencies, commands } = await during(SECONDS, readers, redis);
  console.log(`  ${READERS} readers on one task, ${RATE} chunks/s: publish to deliver ${latencies}`);
  console.log(`    Redis commands per chunk: ${perChunk(commands, latencies.total / READERS)}`);
  readers.stop();
  leave();
  await api.cancel(task);
}

async function manyTasks(api, redis) {
  const begun = [];
  while (begun.length < TASKS) {
    const some = Array.from({ length: Math.min(20, TASKS - begun.length) }, async () => api.begin(await api.session(), STEADY));
    begun.push(...(await Promise.all(some)));
  }
  const tasks = begun.map(({ task }) => task);
  begun.forEach(({ leave }) => leave());
  let next = 0;
  const readers = await follow(TASKS, () => api.url(`/tasks/${tasks[next++]}/stream`));
  const { latencies, commands } = await during(SECONDS, readers, redis);
  console.log(`  ${TASKS} tasks at ${RATE} chunks/s, a reader each: publish to deliver ${latencies}`);
  console.log(`    Redis commands per chunk: ${perChunk(commands, latencies.total)}`);
  readers.stop();
  await Promise.all(tasks.map((task) => api.cancel(task)));
}

async function lookups(api, redis) {
  const session = await api.session();
  const { task, leave } = await api.begin(session, "/tokens 2 /silence 600000");
  await store(redis, 10);
  const few = await lookupTime(api, session);
  await store(redis, STORED);
  const many = await lookupTime(api, session);
  console.log(`  session lookup: ${few} with 10 stored tasks, ${many} with ${STORED}`);
  leave();
  await api.cancel(task);
}

/** Writes ended tasks as the server leaves them. */
async function store(redis, number) {
  for (let from = 0; from < number; from += 1000) {
    const batch = redis.client.multi();
    for (let i = from; i < Math.min(from + 1000, number); i += 1) {
      batch.hSet(`rejoin:{bench-${i}}:task:bench-${i}.t:meta`, { status: "completed", epoch: 1, position: 1 });
      batch.xAdd(`rejoin:{bench-${i}}:task:bench-${i}.t:log`, "*", { data: '{"type":"finish"}' });
    }
    await batch.execAsPipeline();
  }
}

async function lookupTime(api, session) {
  const times = [];
  for (let i = 0; i < LOOKUPS; i += 1) {
    const begun = performance.now();
    await api.json("GET", `/sessions/${session}`);
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  return `p50 ${times[LOOKUPS / 2].toFixed(2)} ms`;
}

async function measurePeer(redis) {
  const peer = await startPeer(redis.url);
  try {
    console.log(`\nresumable-stream on the same Redis`);
    await peerRun(peer, redis, "one", 1, READERS, `${READERS} readers on one stream`);
    await peerRun(peer, redis, "many", TASKS, TASKS, `${TASKS} streams, a reader each`);
  } finally {
    await peer.stop();
  }
}

async function peerRun(peer, redis, prefix, streams, readers, title) {
  const before = residentBytes(peer.pid);
  await post(`${peer.url}/start?prefix=${prefix}&streams=${streams}&rate=${RATE}&count=${RATE * 600}`);
  let next = 0;
  const following = await follow(readers, () => `${peer.url}/stream?id=${prefix}-${next++ % streams}`);
  const { latencies, commands } = await during(SECONDS, following, redis);
  console.log(`  ${title}, ${RATE} chunks/s: publish to deliver ${latencies}`);
  console.log(`    Redis commands per chunk: ${perChunk(commands, (latencies.total / readers) * streams)}`);
  console.log(`    memory per stream: ${Math.round((residentBytes(peer.pid) - before) / readers / 1024)} KiB`);
  following.stop();
}

/** Opens so many streams, and hears them. */
async function follow(number, url) {
  const state = { latencies: new Latencies(), requests: [], refused: 0 };
  for (let opened = 0; opened < number; opened += 50) {
    const some = Array.from({ length: Math.min(50, number - opened) }, () => open(url(), state));
    state.requests.push(...(await Promise.all(some)));
  }
  if (state.refused > 0) console.log(`  ${state.refused} of ${number} streams were refused`);
  return {
    reset: () => (state.latencies = new Latencies()),
    latencies: () => state.latencies,
    stop: () => state.requests.forEach((open) => open.destroy()),
  };
}

function open(url, state) {
  return new Promise((done, failed) => {
    const asked = request(url, { agent: false }, (response) => {
      if (response.statusCode !== 200) state.refused += 1;
      response.setEncoding("latin1");
      response.on("data", (text) => hear(text, state));
      response.on("error", () => {});
      done(asked);
    });
    asked.on("error", failed);
    asked.end();
  });
}

function hear(text, state) {
  const now = Date.now();
  for (const [, ms] of text.matchAll(/^id: (\d+)-/gm)) state.latencies.add(now - Number(ms));
}

/** What was delivered, and what Redis was asked, in so many seconds of a steady state. */
async function during(seconds, readers, redis) {
  await sleep(1500);
  readers.reset();
  const before = await commandCounts(redis);
  await sleep(seconds * 1000);
  const latencies = readers.latencies();
  readers.reset();
  const after = await commandCounts(redis);
  const commands = Object.entries(after).map(([name, calls]) => [name, calls - (before[name] ?? 0)]);
  return { latencies, commands: commands.filter(([name, calls]) => calls > 0 && name !== "info") };
}

/** Those that a script runs are counted by Redis too. */
async function commandCounts(redis) {
  const info = await redis.client.info("commandstats");
  return Object.fromEntries([...info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, calls]) => [name, Number(calls)]));
}

function perChunk(commands, chunks) {
  const shares = commands.map(([name, calls]) => [name, calls / chunks]).filter(([, share]) => share >= 0.01);
  return shares.sort((a, b) => b[1] - a[1]).map(([name, share]) => `${name} ${share.toFixed(2)}`).join(", ");
}

class Api {
  constructor(url) {
    this.base = `${url}/api/chat`;
  }

  url(path) {
    return this.base + path;
  }

  async json(method, path) {
    const response = await fetch(this.url(path), { method });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async session() {
    return (await this.json("POST", "/sessions")).id;
  }

  /** Sends a message; the caller may leave its stream. */
  begin(session, message) {
    return new Promise((done, failed) => {
      const asked = request(this.url(`/sessions/${session}/stream`), { method: "POST", agent: false }, (response) => {
        response.resume();
        response.on("error", () => {});
        if (response.statusCode !== 200) return failed(new Error(`send: ${response.statusCode}`));
        done({ task: response.headers["x-task-id"], leave: () => asked.destroy() });
      });
      asked.on("error", failed);
      asked.end(JSON.stringify({ message }));
    });
  }

  cancel(task) {
    return this.json("POST", `/tasks/${task}/cancel`);
  }
}

async function post(url) {
  const response = await fetch(url, { method: "POST" });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
}

function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

async function startRedis() {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), "rejoin-bench-"))];
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], { stdio: "ignore" });
  const url = `redis://127.0.0.1:${port}`;
  const client = createClient({ url, socket: { reconnectStrategy: 50 } });
  client.on("error", () => {});
  await client.connect();
  return {
    url,
    client,
    async stop() {
      client.destroy();
      child.kill();
      await new Promise((done) => child.once("exit", done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
