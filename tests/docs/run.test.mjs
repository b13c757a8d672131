// Runs the examples that can run: the README's against the real server, and the backend guide's backends behind a proxy that
// cuts.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { transform } from "esbuild";
import { startServer, Truth } from "../e2e/lib/server.mjs";
import { inTurn } from "../e2e/lib/stage.mjs";
import { installFastApi } from "../agents/lib/fastapi.mjs";
import { FaultProxy } from "../e2e/proxy.mjs";
import { blocksOf, documents, root } from "./lib/blocks.mjs";
import { cargo, makeCrate } from "./lib/crate.mjs";

const marked = documents.flatMap(blocksOf).filter(({ run }) => run);
const folder = join(root, "target/docs/run");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const runs = { plain: runPlainly, express: runExpress, fastapi: runFastApi, axum: runAxum };

for (const block of marked) {
  test(`${block.file}:${block.line} runs (${block.run})`, { timeout: 300_000 }, () => runs[block.run](block));
}

/** Runs a block in a process of its own, with what the README's reader has: a session, a way to render, a token. */
async function runPlainly({ code }) {
  const server = await startServer();
  const proxy = await new FaultProxy(server.url).up();
  proxy.plan = inTurn({ kind: "rst", at: 2000 }, { kind: "eof", at: 1500 });
  try {
    const truth = new Truth(server.url);
    const sessionId = await truth.createSession();
    const { code: script } = await transform(code.replaceAll('"/api/chat"', JSON.stringify(`${proxy.url}/api/chat`)), { loader: "ts", format: "esm" });
    const file = join(folder, "readme.mjs");
    writeFileSync(file, `
      const sessionId = ${JSON.stringify(sessionId)};
      const token = async () => "none";
      let shown = "";
      const render = (status, parts) => { shown = parts.map((part) => part.type === "text" ? part.text : "").join(""); };
      ${script}
      console.log(JSON.stringify({ kind: outcome.kind, shown, reconnects: streams.getMetrics().reconnects }));
      streams.close();
    `);
    const { kind, shown, reconnects } = JSON.parse(await output(file));
    assert.equal(kind, "finished");
    assert.equal(reconnects, 2);
    assert.equal(shown, await truth.answer(sessionId));
  } finally {
    await proxy.down();
    await server.stop();
  }
}

async function output(file) {
  const child = spawn(process.execPath, ["--no-warnings", file], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => (text += part));
  const [code] = await once(child, "close");
  assert.equal(code, 0, text);
  return text.trim().split("\n").at(-1);
}

async function runExpress({ code }) {
  cpSync(join(import.meta.dirname, "lib/express.mjs"), join(folder, "express.mjs"));
  writeFileSync(join(folder, "yours.mjs"), `
    import { setTimeout as pause } from "node:timers/promises";
    export async function* model(message) {
      for (let number = 0; number < 200; number += 1) { await pause(1); yield \`\${message}-\${number} \`; }
    }
  `);
  writeFileSync(join(folder, "backend.mjs"), code.replace('from "express"', 'from "./express.mjs"'));
  const { app } = await import(pathToFileURL(join(folder, "backend.mjs")));
  const listener = app.listen(0);
  await once(listener, "listening");
  try {
    await tryBackend(`http://127.0.0.1:${listener.address().port}`);
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
}

async function runFastApi({ code }) {
  const place = join(folder, "fastapi");
  mkdirSync(place);
  writeFileSync(join(place, "main.py"), code);
  writeFileSync(join(place, "yours.py"), `
import asyncio


async def model(message):
    for number in range(200):
        await asyncio.sleep(0.001)
        yield f"{message}-{number} "
`);
  const fastapi = await installFastApi();
  const backend = await fastapi.start({}, place);
  try {
    await tryBackend(backend.url);
  } finally {
    await backend.kill();
    await fastapi.remove();
  }
}

/** The block's own model writes two pieces at once. This one writes as much, and as slowly, as those of the other backends. */
const RUST_MODEL = `fn model(message: String) -> impl Stream<Item = Result<String, String>> + Send {
    stream::iter(0..200).then(move |number| {
        let delta = format!("{message}-{number} ");
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(delta)
        }
    })
}
`;

const RUST_MAIN = `#[tokio::main]
async fn main() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, block::router(block::Chats::default())).await.unwrap();
}
`;

async function runAxum({ code }) {
  const crate = join(folder, "axum");
  const [before, after] = code.split(/^fn model[^]*?^}\n/m);
  assert.ok(after, "the block has a model");
  makeCrate(crate, { "lib.rs": before + RUST_MODEL + after, "main.rs": RUST_MAIN });
  const backend = spawn(cargo("build", crate), { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [url] = await once(backend.stdout.setEncoding("utf8"), "data");
    await tryBackend(url.trim());
  } finally {
    backend.kill();
    await once(backend, "close");
  }
}

/** Checks the properties that the guide promises of a backend, as its last section does. */
async function tryBackend(url) {
  const proxy = await new FaultProxy(url).up();
  const { createChatStreams } = await import("../../dist/index.js");
  const baseUrl = `${proxy.url}/api/chat`;
  const ask = async (path, init) => (await fetch(`${url}/api/chat${path}`, init)).json();
  const streams = createChatStreams({ baseUrl, storage: "memory", retry: { initialDelayMs: 10 } });
  try {
    const { id } = await ask("/sessions", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    proxy.plan = inTurn({ kind: "rst", at: 700 }, { kind: "eof", at: 900 }, { kind: "fin", at: 1100 });
    await isReadThroughCuts({ streams, proxy, ask, id });
    await isStopped({ streams, ask, id });
  } finally {
    streams.close();
    await proxy.down();
  }
}

/** Checks one answer with three cuts, and what a page that is loaded after it shows. */
async function isReadThroughCuts({ streams, proxy, ask, id }) {
  const outcome = await streams.startStream(id, "word");
  const expected = Array.from({ length: 200 }, (_, number) => `word-${number} `).join("");
  assert.equal(outcome.kind, "finished");
  assert.equal(textOf(streams.getSnapshot(id)), expected);
  const { duplicates, malformed, reconnects, resets } = streams.getMetrics();
  assert.deepEqual({ duplicates, malformed, reconnects, resets }, { duplicates: 0, malformed: 0, reconnects: 3, resets: 0 });
  assert.equal(proxy.count("POST", /\/stream$/), 1);
  const { messages, active_stream } = await ask(`/sessions/${id}`);
  assert.deepEqual([active_stream, messages.map(({ role, content }) => [role, content])], [null, [["user", "word"], ["assistant", expected]]]);
}

/** The second half of a stopped answer must never be written. */
async function isStopped({ streams, ask, id }) {
  let outcome;
  await new Promise((begins) => {
    outcome = streams.startStream(id, "more", { onChunk: ({ type }) => type === "text_chunk" && begins() });
  });
  const other = await ask("/sessions", { method: "POST" });
  const { sessions, total } = await ask("/sessions?limit=1&offset=1");
  assert.deepEqual([total, sessions.length, sessions[0].id, sessions[0].title, sessions[0].is_processing], [2, 1, id, "word", true]);
  const { task_id } = (await ask(`/sessions/${id}`)).active_stream;
  await streams.stopStream(id);
  assert.equal((await outcome).kind, "stopped");
  assert.deepEqual(await ask(`/tasks/${task_id}/cancel`, { method: "POST" }), { task_id, status: "cancelled" });
  const { messages, active_stream } = await ask(`/sessions/${id}`);
  assert.equal(active_stream, null);
  assert.match(messages.at(-1).content, /^(more-\d+ )*$/);
  assert.doesNotMatch(messages.at(-1).content, /more-199/);
  assert.deepEqual((await ask(`/sessions/${other.id}`)).messages, []);
}

function textOf({ message }) {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}
