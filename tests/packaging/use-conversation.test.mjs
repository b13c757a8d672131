// `useConversation` and `useStreamStatus` with React 18 and 19: on a server, hydrated, and in Chromium under StrictMode.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pagesOf, reacts, renderedBy } from "./lib/react.mjs";

/** The page: a list and a composer that share a chat, on a backend that answers with as many deltas as the message asks for. */
const APP = `
  import { Profiler, StrictMode, memo, startTransition, useState } from "react";
  import { createRoot, hydrateRoot } from "react-dom/client";
  import { renderToString } from "react-dom/server.browser";
  import { createChatStreams } from "rejoin";
  import { useConversation, useStreamStatus } from "rejoin/react";

  window.requests = [];
  const encoder = new TextEncoder();
  const event = (nth, chunk) => encoder.encode("id: " + nth + "-0\\ndata: " + JSON.stringify(chunk) + "\\n\\n");
  async function fetch(url, init) {
    window.requests.push(init.method + " " + url);
    if (init.method === "GET") return Response.json({ id: "s", messages: [{ id: "m-1", role: "user", content: "Earlier" }], active_stream: null });
    const count = Number(JSON.parse(init.body).message);
    let nth = 0;
    const chunks = [{ type: "start", messageId: "a-" + window.requests.length, taskId: "t-" + window.requests.length }, { type: "text-start", id: "0" }];
    const body = new ReadableStream({ async pull(controller) {
      if (nth % 20 === 0) await new Promise((done) => setTimeout(done));
      const chunk = chunks[nth] ?? (nth < count + 2 ? { type: "text-delta", id: "0", delta: "w " } : { type: "finish" });
      controller.enqueue(event(++nth, chunk));
      if (chunk.type === "finish") controller.close();
    } });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  const streams = createChatStreams({ fetch });
  Object.assign(window, { commits: 0, composerRenders: 0, frames: 0, finished: [], sends: new Set(), torn: 0 });
  const frame = () => { window.frames++; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);

  const initialMessages = [{ id: "m-1", role: "user", parts: [{ type: "text", text: "Earlier" }] }];
  const isHydrated = location.hash === "#hydrate";

  function Composer() {
    window.composerRenders++;
    const status = useStreamStatus(streams, "s");
    const [count, setCount] = useState(0);
    return <p><b id="composer">{status}</b><i id="count" onClick={() => startTransition(() => setCount(count + 1))}>{count}</i></p>;
  }
  const SteadyComposer = memo(Composer);

  /** Shows the number of characters. If two of these differ in one commit, the state is torn. */
  function Length({ id }) {
    const { messages } = useConversation(streams, "s");
    return <i id={id}>{messages.map(({ parts }) => parts.map(({ text }) => text).join("")).join("").length}</i>;
  }

  function Chat() {
    const { messages, status, delivery, send, regenerate } = useConversation(streams, "s", {
      resume: true, ...(isHydrated && { initialMessages }), onFinish: ({ kind }) => window.finished.push(kind),
    });
    window.sends.add(send);
    Object.assign(window, { send, regenerate, snapshot: { messages, status, delivery } });
    return <main>
      <p id="status">{status}</p><Length id="one" /><Length id="other" />
      <ol>{messages.map(({ id, role, parts }) => <li key={id}>{role}: {parts.map(({ text }) => text).join("")}</li>)}</ol>
    </main>;
  }
  const seen = () => {
    window.commits++;
    const [one, other] = ["one", "other"].map((id) => document.getElementById(id)?.textContent);
    if (one !== other) window.torn++;
  };
  const tree = <StrictMode><Profiler id="chat" onRender={() => queueMicrotask(seen)}><Chat /></Profiler><SteadyComposer /></StrictMode>;
  const place = document.body.appendChild(document.createElement("div"));
  if (isHydrated) {
    place.innerHTML = window.html = renderToString(tree);
    hydrateRoot(place, tree);
  } else createRoot(place).render(tree);
`;

const openPage = pagesOf(APP);

/** Returns the page once the chat is there. */
async function open(major, hash) {
  const { page, problems } = await openPage(major, hash);
  await page.waitForFunction(() => window.snapshot?.status === "ready");
  return { page, problems };
}

const rows = (page) => page.$$eval("li", (items) => items.map(({ textContent }) => textContent));

/** A script that renders on a server, prints the result, and checks that nothing was touched. */
const SERVER_APP = `
  import { createElement } from "react";
  import { renderToString } from "react-dom/server";
  import { createChatStreams } from "rejoin";
  import { useConversation, useStreamStatus } from "rejoin/react";
  const refuse = (what) => () => { throw new Error(what); };
  const streams = createChatStreams({ fetch: refuse("fetched") });
  const initialMessages = [{ id: "m-1", role: "user", parts: [{ type: "text", text: "Hi" }] }];
  const Chat = () => {
    const { status, messages } = useConversation(streams, "s", { resume: true, initialMessages });
    return createElement("p", null, status, messages[0].parts[0].text, useStreamStatus(streams, "s"));
  };
  const { instantiate, Module } = WebAssembly;
  WebAssembly.instantiate = WebAssembly.Module = refuse("compiled");
  export const html = renderToString(createElement(Chat));
  Object.assign(WebAssembly, { instantiate, Module });
`;

for (const { major, alias } of reacts) {
  describe(`React ${major}`, () => {
    test("a chat is loaded once, shows the answer as it comes, and reports its end once", async () => {
      const { page, problems } = await open(major);
      assert.deepEqual(await rows(page), ["user: Earlier"]);
      await page.evaluate(() => window.send("3"));
      await page.waitForFunction(() => window.finished.length > 0 && window.snapshot.status === "ready");
      assert.deepEqual(await rows(page), ["user: Earlier", "user: 3", "assistant: w w w "]);
      assert.deepEqual(await page.evaluate(() => window.finished), ["finished"]);
      assert.equal(await page.evaluate(() => window.requests.filter((request) => request.startsWith("GET")).length), 1);
      assert.equal(await page.evaluate(() => window.requests.filter((request) => request.startsWith("POST")).length), 1);
      assert.ok((await page.evaluate(() => window.sends.size)) <= 2, "StrictMode's two renders, and no new function after them");
      assert.deepEqual(problems, []);
    });

    test("2000 deltas take one commit per frame at most, and the composer renders ten times at most", async () => {
      const { page, problems } = await open(major);
      const before = await page.evaluate(() => [window.commits, window.frames, window.composerRenders]);
      await page.evaluate(() => window.send("2000"));
      // The stream's updates interrupt other work of the page, and all parts of the page show the same state.
      await page.click("#count");
      await page.waitForFunction(() => window.finished.length > 0 && window.snapshot.status === "ready");
      const [commits, frames, composer] = await page.evaluate((past) => [window.commits - past[0], window.frames - past[1], window.composerRenders - past[2]], before);
      assert.ok(commits <= frames + 8, `${commits} commits in ${frames} frames`);
      // StrictMode renders everything twice, and the click is one of the updates.
      assert.ok(composer <= 2 * 11, `${composer} renders of the composer`);
      assert.equal(await page.evaluate(() => window.torn), 0);
      assert.equal((await rows(page)).at(-1), `assistant: ${"w ".repeat(2000)}`);
      assert.deepEqual(problems, []);
    });

    test("a page that a server rendered is hydrated without a warning, from what the server had", async () => {
      const { page, problems } = await open(major, "#hydrate");
      assert.match(await page.evaluate(() => window.html), /ready.*Earlier/);
      await page.evaluate(() => window.send("2"));
      await page.waitForFunction(() => window.finished.length > 0);
      assert.deepEqual(await rows(page), ["user: Earlier", "user: 2", "assistant: w w "]);
      assert.deepEqual(problems, []);
    });

    test("a server renders it without touching the network or WebAssembly", async () => {
      assert.equal(await renderedBy(SERVER_APP, alias), "<p>readyHiidle</p>");
    });
  });
}
