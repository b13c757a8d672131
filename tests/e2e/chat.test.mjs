// What a person does in a chat besides asking: other versions, messages that wait, files, tools that ask, and a second tab.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatPage } from "./lib/browser.mjs";
import { stage } from "./lib/stage.mjs";

const set = stage();

/** Returns the backend's messages as `role: text`. */
async function stored({ page, truth }) {
  const { messages } = await truth.session(await page.chat());
  return messages.filter(({ role }) => role !== "tool").map(({ role, content }) => `${role}: ${content}`);
}

test("an answer is regenerated, and its question stays once", () =>
  set.scene(undefined, async (scene) => {
    const { page } = scene;
    await page.send("Once more. /tokens 20 /rate 0");
    await page.settled();
    const before = await page.page.getAttribute('[data-testid="answer"]', "data-id");
    await page.click("regenerate");
    await page.page.waitForFunction((id) => document.querySelector('[data-testid="answer"]')?.dataset.id !== id, before);
    await page.settled();
    assert.deepEqual(await page.questions(), ["Once more. /tokens 20 /rate 0"]);
    assert.equal((await stored(scene)).length, 2);
  }));

test("a question is edited, and all after it goes", () =>
  set.scene(undefined, async (scene) => {
    const { page } = scene;
    await page.send("First. /tokens 10 /rate 0");
    await page.settled();
    await page.press("edit");
    await page.send("Second. /tokens 12 /rate 0");
    await page.page.waitForFunction(() => document.querySelector('[data-testid="question"]').textContent.startsWith("Second."));
    await page.settled();
    const messages = await stored(scene);
    assert.equal(messages.length, 2);
    assert.equal(messages[0], "user: Second. /tokens 12 /rate 0");
    assert.deepEqual(await page.answers(), [messages[1].slice("assistant: ".length)]);
  }));

test("a message that is sent while an answer is written waits, and goes out after it", () =>
  set.scene(undefined, async (scene) => {
    const { page } = scene;
    await page.send("Long. /tokens 40 /rate 40");
    await page.status("streaming");
    await page.send("Short. /tokens 5 /rate 0");
    await page.page.waitForSelector('[data-testid="question"][data-delivery="queued"]');
    await page.page.waitForFunction(() => document.querySelectorAll('[data-testid="answer"]').length === 2);
    await page.settled(2);
    assert.deepEqual((await stored(scene)).map((text) => text.split(":")[0]), ["user", "assistant", "user", "assistant"]);
  }));

test("a tool of the page and one that asks go on with the person's word, in the same answer", () =>
  set.scene(undefined, async ({ page }) => {
    await page.send("Look. /client-tool clock /rate 0");
    await page.page.click('[data-testid="client-tool"] button');
    await page.page.waitForSelector('[data-testid="regenerate"]');
    await page.send("Act. /approve act /rate 0");
    await page.page.click('[data-testid="approval"] button');
    await page.page.waitForFunction(() => !document.querySelector('[data-testid="approval"]') && document.querySelectorAll('[data-testid="answer"]').length === 2);
    await page.page.waitForSelector('[data-testid="regenerate"]');
    assert.equal((await page.answers()).length, 2);
  }));

test("an image goes with its message, and is shown after a reload", () =>
  set.scene(undefined, async ({ page }) => {
    const buffer = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    await page.page.setInputFiles('[data-testid="attach"]', { name: "dot.png", mimeType: "image/png", buffer });
    await page.send("What is this? /tokens 10 /rate 0");
    await page.page.waitForSelector('[data-testid="question"] img[alt="dot.png"]');
    await page.settled();
    await page.page.reload();
    await page.page.waitForSelector('[data-testid="question"] img[alt="dot.png"]');
  }));

test("a second tab that is idle shows the question that the other tab asked", () =>
  set.scene(undefined, async ({ page, proxy }) => {
    await page.send("First. /tokens 10 /rate 0");
    await page.settled();
    const second = await ChatPage.open(set.browser, proxy.url, { context: page.page.context(), chat: await page.chat() });
    await second.settled();
    await page.send("From the other tab. /tokens 20 /rate 20");
    await second.page.waitForFunction(() => document.querySelectorAll('[data-testid="question"]').length === 2);
    await second.page.waitForFunction(() => document.querySelectorAll('[data-testid="answer"]').length === 2);
    assert.deepEqual(await second.questions(), ["First. /tokens 10 /rate 0", "From the other tab. /tokens 20 /rate 20"]);
    await page.settled(2);
    await second.page.close();
  }));

test("a suggestion is sent as a sentence, and its directives are not shown", () =>
  set.scene(undefined, async ({ page }) => {
    await page.suggest("A tool of this page");
    await page.page.click('[data-testid="client-tool"] button');
    await page.page.waitForSelector('[data-testid="regenerate"]');
    assert.deepEqual(await page.questions(), ["What time is it where I am?"]);
    await page.page.waitForFunction(() => document.querySelector("h1").textContent === "What time is it where I am?");
    assert.equal(await page.page.textContent('[data-testid="session"][aria-current="page"] .session-title'), "What time is it where I am?");
  }));

test("files show before they are sent, and can be taken back", () =>
  set.scene(undefined, async ({ page }) => {
    const file = (name, mimeType) => ({ name, mimeType, buffer: Buffer.from("x") });
    await page.page.setInputFiles('[data-testid="attach"]', [file("dot.png", "image/png"), file("notes.txt", "text/plain")]);
    await page.page.waitForSelector('[data-testid="attached"] img[src^="blob:"]', { state: "attached" });
    await page.page.click('[aria-label="Remove dot.png"]');
    await page.send("Read this. /tokens 5 /rate 0");
    await page.settled();
    assert.equal(await page.page.textContent('[data-testid="question"] ul'), "notes.txt");
  }));

test("an edited question keeps its files", () =>
  set.scene(undefined, async ({ page }) => {
    await page.page.setInputFiles('[data-testid="attach"]', { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
    await page.send("First. /tokens 5 /rate 0");
    await page.settled();
    await page.press("edit");
    await page.send("Second. /tokens 6 /rate 0");
    await page.page.waitForFunction(() => /Second\./.test(document.querySelector('[data-testid="question"]').textContent));
    await page.settled();
    assert.match(await page.page.textContent('[data-testid="question"]'), /^notes\.txtSecond\./);
  }));

test("a message that the server refuses says so, keeps its text, and goes out when it is tried again", () =>
  set.scene(undefined, async (scene) => {
    const { page } = scene;
    await page.send("First. /tokens 5 /rate 0");
    await page.settled();
    scene.proxy.plan = ({ path }) => (/\/stream$/.test(path) ? { kind: "answer", status: 400, headers: { "content-type": "application/json" }, body: '{"detail":{"code":"INVALID_REQUEST","message":"no"}}' } : undefined);
    await page.send("Second. /tokens 5 /rate 0");
    await page.page.waitForSelector('[data-testid="question"][data-delivery="unsent"]');
    assert.match(await page.page.textContent('[data-delivery="unsent"]'), /Second\..*Not sent/);
    scene.proxy.plan = () => undefined;
    await page.click("send-again");
    await page.settled(2);
    assert.equal((await stored(scene)).length, 4);
  }));
