// `rejoin/react`, rendered on a server and in Chromium under StrictMode.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const root = resolve(import.meta.dirname, "../..");

/** The page: a chat in a few lines, on a backend that answers each message with its words, one every 5 ms. */
const APP = `
  import { Profiler, StrictMode, useRef, useState } from "react";
  import { createRoot } from "react-dom/client";
  import { createChatStreams } from "rejoin";
  import { useActiveTasks, useChatStream } from "rejoin/react";

  window.requests = [];
  async function fetch(url, init) {
    window.requests.push(init.method + " " + url);
    if (init.method === "GET") return Response.json({ id: "s", messages: [], active_stream: null });
    const words = JSON.parse(init.body).message.split(" ");
    const chunks = [{ type: "start", messageId: "m", taskId: "t" }, { type: "text-start", id: "0" },
      ...words.map((word) => ({ type: "text-delta", id: "0", delta: word + " " })), { type: "text-end", id: "0" }, { type: "finish" }];
    let nth = 0;
    const body = new ReadableStream({ async pull(controller) {
      await new Promise((done) => setTimeout(done, 5));
      if (nth === chunks.length) return controller.close();
      controller.enqueue(new TextEncoder().encode("id: " + (nth + 1) + "-0\\ndata: " + JSON.stringify(chunks[nth++]) + "\\n\\n"));
    } });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  const streams = createChatStreams({ fetch });
  window.commits = 0;
  window.finished = [];
  window.identities = new Set();
  window.taskCounts = new Set();
  let frames = 0;
  const count = () => { frames++; requestAnimationFrame(count); };
  requestAnimationFrame(count);
  window.frames_ = () => frames;

  function Chat() {
    const { status, message, send } = useChatStream(streams, "s", { resume: true, onFinish: (outcome) => window.finished.push(outcome.kind) });
    const tasks = useActiveTasks(streams);
    window.identities.add(send);
    window.taskCounts.add(tasks.length);
    return <main>
      <button id="send" onClick={() => send("one two three four five six seven eight nine ten")}>send</button>
      <p id="status">{status}</p><p id="tasks">{tasks.length}</p>
      <p id="text">{message?.parts.map((part) => part.type === "text" ? part.text : "").join("")}</p>
    </main>;
  }
  createRoot(document.body.appendChild(document.createElement("div"))).render(
    <StrictMode><Profiler id="chat" onRender={() => window.commits++}><Chat /></Profiler></StrictMode>);
`;

let server, browser, page;
const problems = [];

before(async () => {
  const { outputFiles } = await build({
    stdin: { contents: APP, loader: "tsx", resolveDir: root }, bundle: true, write: false, format: "esm", jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
  });
  server = createServer((request, response) => {
    const isScript = request.url === "/app.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? outputFiles[0].text : "<!doctype html><script type=module src=/app.js></script>");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  page = await browser.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (said) => said.type() === "error" && !said.text().startsWith("Failed to load resource") && problems.push(said.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
});

after(async () => {
  await browser?.close();
  server?.close();
});

test("a stream is shown as it comes, by the same functions, and its end is told once", async () => {
  await page.waitForFunction(() => window.requests.some((request) => request.startsWith("GET")));
  await page.waitForFunction(() => document.querySelector("#status").textContent === "idle");
  const before = await page.evaluate(() => [window.commits, window.frames_()]);
  await page.click("#send");
  await page.waitForFunction(() => document.querySelector("#status").textContent === "completed");
  assert.equal(await page.textContent("#text"), "one two three four five six seven eight nine ten ");
  await page.waitForFunction(() => window.finished.length > 0);
  assert.deepEqual(await page.evaluate(() => window.finished), ["finished"]);
  await page.waitForFunction(() => document.querySelector("#tasks").textContent === "0");
  assert.deepEqual(await page.evaluate(() => [...window.taskCounts].sort()), [0, 1]);
  assert.ok((await page.evaluate(() => window.identities.size)) <= 2, "StrictMode's two renders, and no new function after them");
  const [commits, frames] = await page.evaluate((past) => [window.commits - past[0], window.frames_() - past[1]], before);
  assert.ok(commits <= frames + 8, `${commits} commits in ${frames} frames`);
  assert.equal(await page.evaluate(() => window.requests.filter((request) => request.startsWith("POST")).length), 1);
  assert.deepEqual(problems, []);
});

test("a server renders it without touching the network, the storage or WebAssembly", async () => {
  const { createElement } = await import("react");
  const { renderToString } = await import("react-dom/server");
  const { createChatStreams } = await import("rejoin");
  const { useActiveTasks, useChatStream } = await import("rejoin/react");
  const streams = createChatStreams({ fetch: () => assert.fail("fetched") });
  const Chat = () => {
    const { status, message } = useChatStream(streams, "s", { resume: true });
    return createElement("p", null, status, String(message), useActiveTasks(streams).length);
  };
  const compile = WebAssembly.instantiate;
  WebAssembly.instantiate = () => assert.fail("compiled");
  try {
    assert.equal(renderToString(createElement(Chat)).replace(/<!-- -->/g, ""), "<p>idlenull0</p>");
  } finally {
    WebAssembly.instantiate = compile;
  }
});
