// Starts a Redis with a replica for the benchmark, and reads its counters.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { freePort } from "../port.mjs";

/** The commands that a process of either side sends. All others run inside scripts, or belong to the benchmark or the replica. */
const SENT_BY_US = new Set(["evalsha", "eval", "xreadgroup", "xautoclaim", "subscribe", "unsubscribe", "ping"]);
const NOT_COUNTED = new Set(["info", "replconf", "psync"]);

export async function startRedis() {
  const master = await startNode([]);
  const replica = await startNode(["--replicaof", "127.0.0.1", String(master.port)]);
  while (!/master_link_status:up/.test(await replica.client.info("replication"))) await sleep(50);
  return {
    url: `redis://127.0.0.1:${master.port}`,
    client: master.client,
    counters: () => counters(master.client),
    async stop() {
      await replica.stop();
      await master.stop();
    },
  };
}

async function startNode(flags) {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), "rejoin-bench-"))];
  const fixed = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--repl-diskless-sync-delay", "0"];
  const child = spawn("redis-server", [...fixed, ...flags], { stdio: "ignore" });
  const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: 50 } });
  client.on("error", () => {});
  await client.connect();
  return {
    port,
    client,
    async stop() {
      client.destroy();
      child.kill();
      await new Promise((done) => child.once("exit", done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns counts since Redis started: `sent` and `executed` commands, `reads` of logs, bytes `in`, `out` and to the replica */
async function counters(client) {
  const stats = Object.fromEntries([...(await client.info("commandstats")).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, calls]) => [name, Number(calls)]));
  const commands = Object.entries(stats).filter(([name]) => !NOT_COUNTED.has(name));
  const isScripted = stats.evalsha > 0;
  const net = await client.info("stats");
  const bytes = (name) => Number(new RegExp(`total_net_${name}_bytes:(\\d+)`).exec(net)[1]);
  const sum = (some) => some.reduce((all, [, calls]) => all + calls, 0);
  return {
    sent: sum(isScripted ? commands.filter(([name]) => SENT_BY_US.has(name)) : commands),
    executed: sum(commands),
    reads: stats.xrange ?? 0,
    in: bytes("input"),
    out: bytes("output"),
    replica: bytes("repl_output"),
  };
}

/** Returns the counts between two times. */
export function difference(after, before) {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - before[name]]));
}
