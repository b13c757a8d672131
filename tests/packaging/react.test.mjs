// `rejoin/react` with React 18 and 19, rendered on a server and in Chromium under StrictMode.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pagesOf, reacts, renderedBy } from "./lib/react.mjs";

/** The page: a chat in a few lines, on a backend that answers each message with a tool call and its words, one every 5 ms. */
const APP = `
  import { Profiler, StrictMode, memo } from "react";
  import { createRoot, hydrateRoot } from "react-dom/client";
  import { renderToString } from "react-dom/server.browser";
  import { createChatStreams } from "rejoin";
  import { useActiveTasks, useChatStream } from "rejoin/react";

  window.requests = [];
  async function fetch(url, init) {
    window.requests.push(init.method + " " + url);
    if (init.method === "GET") return Response.json({ id: "s", messages: [], active_stream: null });
    const words = JSON.parse(init.body).message.split(" ");
    const chunks = [{ type: "start", messageId: "m", taskId: "t" },
      { type: "tool-input-available", toolCallId: "c", toolName: "look", input: {} }, { type: "tool-output-available", toolCallId: "c", output: "seen" }, { type: "text-start", id: "0" },
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

  window.renders = { tool: new Set(), text: new Set() };
  const Part = memo(function Part({ part }) {
    window.renders[part.type === "text" ? "text" : "tool"].add(part);
    return part.type === "text" ? part.text : null;
  });

  function Chat() {
    const { status, message, send } = useChatStream(streams, "s", { resume: true, onFinish: (outcome) => window.finished.push(outcome.kind) });
    const tasks = useActiveTasks(streams);
    window.identities.add(send);
    window.taskCounts.add(tasks.length);
    return <main>
      <button id="send" onClick={() => send("one two three four five six seven eight nine ten")}>send</button>
      <p id="status">{status}</p><p id="tasks">{tasks.length}</p>
      <p id="text">{message?.parts.map((part, place) => <Part key={place} part={part} />)}</p>
    </main>;
  }
  const tree = <StrictMode><Profiler id="chat" onRender={() => window.commits++}><Chat /></Profiler></StrictMode>;
  const place = document.body.appendChild(document.createElement("div"));
  if (location.hash === "#hydrate") {
    place.innerHTML = renderToString(tree);
    streams.startStream("s", "one two three");
    const stop = streams.onSnapshot("s", () => {
      if (!streams.getSnapshot("s").message) return;
      stop();
      hydrateRoot(place, tree);
    });
  } else createRoot(place).render(tree);
`;

const open = pagesOf(APP);

/** A script that renders on a server, prints the result, and checks that nothing was touched. */
const SERVER_APP = `
  import { createElement } from "react";
  import { renderToString } from "react-dom/server";
  import { createChatStreams } from "rejoin";
  import { useActiveTasks, useChatStream } from "rejoin/react";
  const refuse = (what) => () => { throw new Error(what); };
  const streams = createChatStreams({ fetch: refuse("fetched") });
  const Chat = () => {
    const { status, message } = useChatStream(streams, "s", { resume: true });
    return createElement("p", null, status, String(message), useActiveTasks(streams).length);
  };
  const { instantiate, Module } = WebAssembly;
  WebAssembly.instantiate = WebAssembly.Module = refuse("compiled");
  export const html = renderToString(createElement(Chat));
  Object.assign(WebAssembly, { instantiate, Module });
`;

for (const { major, version, alias } of reacts) {
  describe(`React ${major}`, () => {
    test("the installed React is the one under test", () => assert.ok(version.startsWith(`${major}.`), version));

    test("a stream is shown as it arrives, by the same functions, and its end is reported once", async () => {
      const { page, problems } = await open(major);
      await page.waitForFunction(() => window.requests?.some((request) => request.startsWith("GET")));
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

    test("a memoised part renders only when it changed: the call twice, however much text follows", async () => {
      const { page } = await open(major);
      await page.waitForFunction(() => document.querySelector("#status")?.textContent === "idle" && window.requests.length > 0);
      await page.click("#send");
      await page.waitForFunction(() => document.querySelector("#status").textContent === "completed");
      const [tool, text] = await page.evaluate(() => [window.renders.tool.size, window.renders.text.size]);
      assert.ok(tool <= 2, `the call, with and without its output: ${tool}`);
      assert.ok(text >= 2, `${text} states of the text`);
    });

    test("a page that a server rendered takes over a stream that runs by then, without a mismatch", async () => {
      const { page, problems } = await open(major, "#hydrate");
      await page.waitForFunction(() => document.querySelector("#status")?.textContent === "completed");
      assert.equal(await page.textContent("#text"), "one two three ");
      assert.deepEqual(problems, []);
    });

    test("a server renders it without touching the network, the storage or WebAssembly", async () => {
      assert.equal(await renderedBy(SERVER_APP, alias), "<p>idlenull0</p>");
    });
  });
}
