// Uses examples/next-chat as a person would.

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bin, dependencies, isSource, root, run, serve } from "../lib/fresh.mjs";

const EXAMPLE = join(root, "examples/next-chat");

export function nextChat(gate) {
  test("examples/next-chat", async (t) => {
    const cwd = join(gate.folder, "next-chat");
    cpSync(EXAMPLE, cwd, { recursive: true, filter: isSource });
    const env = { REJOIN_URL: gate.stage.url };
    const next = bin(gate.folder, "next");
    await run(next, ["build"], { cwd, env });
    const { url, stop } = await serve(next, ["start", "--hostname", "127.0.0.1", "--port", "0"], { cwd, env, ready: /Ready/ });
    t.after(stop);
    const { stage } = gate;

    await t.test("asks for what the other apps of the gate are built with", () => {
      const { rejoin, ...others } = dependencies(join(EXAMPLE, "package.json"));
      const { jsdom, vite, vitest, ...installed } = dependencies(join(gate.folder, "package.json"));
      assert.deepEqual(others, installed);
    });

    await t.test("a question opens a chat, whose answer is cut and arrives whole, with its tool call", async () => {
      const chat = await openChat(stage, url, "/tool search /tokens 60 /rate 100");
      await chat.status("completed");
      await stage.assertWhole(chat.session, await chat.answer());
      assert.match(await chat.page.textContent(".tool[data-state=output-available] summary"), /^search: done$/);
      assert.deepEqual(await chat.page.locator("li.user").allTextContents(), ["/tool search /tokens 60 /rate 100"]);
      await chat.page.waitForSelector("nav a[aria-current=page]");
      await chat.close();
    });

    await t.test("after a reload the answer goes on, and a second question follows it", async () => {
      const chat = await openChat(stage, url, "/tokens 100 /rate 50");
      await chat.page.waitForFunction(() => (document.querySelector("li.assistant .text")?.textContent.length ?? 0) > 100);
      await chat.page.reload();
      await chat.status("completed");
      assert.equal(await chat.answer(), await stage.truth.answer(chat.session));
      await chat.send("/tokens 5 /rate 0");
      await chat.page.waitForFunction(() => document.querySelectorAll("li.assistant").length === 2);
      await chat.status("completed");
      assert.equal(await chat.answer(), await stage.truth.answer(chat.session));
      await chat.page.reload();
      await hydrated(chat.page);
      const { messages } = await stage.truth.session(chat.session);
      assert.deepEqual(await chat.page.locator("ol > li").allTextContents(), messages.map(({ content }) => content));
      await chat.close();
    });

    await t.test("stopping ends the task at the server", async () => {
      const chat = await openChat(stage, url, "/tokens 1000 /rate 20");
      await chat.status("streaming");
      const cancelled = chat.page.waitForResponse(/\/tasks\/[^/]+\/cancel$/);
      await chat.page.click("text=Stop");
      await chat.status("stopped"); // at once; the server learns of it behind
      assert.equal((await cancelled).status(), 200);
      const { messages, active_stream } = await stage.truth.session(chat.session);
      assert.equal(active_stream, null);
      assert.equal((await stage.truth.task(messages[0].task_id)).status, "cancelled");
      await chat.close();
    });
  });
}

/** Asks a question on the first page, and returns the chat that it opens. */
async function openChat(stage, url, question) {
  const { page, problems, close } = await stage.open(url);
  await send(page, question);
  await page.waitForURL(/\/chat\//);
  return {
    page,
    session: decodeURIComponent(new URL(page.url()).pathname.split("/")[2]),
    send: (text) => send(page, text),
    status: (name) => page.waitForSelector(`[data-status="${name}"]`, { state: "attached" }),
    answer: async () => (await page.locator("li.assistant").last().locator(".text").allTextContents()).join(""),
    async close() {
      assert.deepEqual(problems, []);
      await close();
    },
  };
}

async function send(page, text) {
  await hydrated(page);
  await page.fill("input", text);
  await page.press("input", "Enter");
}

/** Waits until React handles the form, which would be sent as an HTML form before. */
async function hydrated(page) {
  await page.waitForFunction(() => Object.keys(document.querySelector("form") ?? {}).some((key) => key.startsWith("__react")));
}
