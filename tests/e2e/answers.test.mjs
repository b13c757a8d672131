// The contents of an answer, and what the page makes of them: harmless markdown, tools, reasoning, sources.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { opensStream, stage } from "./lib/stage.mjs";

const set = stage();

/** Returns a plan that answers every stream with these chunks. */
function answering(...chunks) {
  const all = [{ type: "start", messageId: "m", taskId: "task" }, ...chunks, { type: "finish" }];
  const body = `${all.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`;
  const fault = { kind: "answer", status: 200, headers: { "content-type": "text/event-stream" }, body };
  return (seen) => (opensStream(seen) ? fault : undefined);
}

/** Returns the chunks of a text, one per character. */
function typed(text) {
  const deltas = [...text].map((delta) => ({ type: "text-delta", id: "t", delta }));
  return [{ type: "text-start", id: "t" }, ...deltas, { type: "text-end", id: "t" }];
}

async function shows(chunks, look, options = {}) {
  await set.scene(answering(...chunks), async ({ page }) => {
    await page.send("Hello.");
    await page.status("completed");
    await look(page.page);
  }, { view: "rendered", ...options });
}

describe("markdown", { concurrency: 4 }, () => {
  test("is rendered", () =>
    shows(typed("# Head\n\n**bold** and `code`\n\n- one\n- two\n\n```js\nlet x = 1 < 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"), async (page) => {
      const count = (tag) => page.locator(`[data-testid="answer"] ${tag}`).count();
      assert.deepEqual(await Promise.all(["h1", "strong", "li", "pre code", "td"].map(count)), [1, 1, 2, 1, 2]);
      assert.equal(await page.textContent('[data-testid="answer"] pre'), "let x = 1 < 2;");
    }));

  test("runs, loads and submits nothing", () => {
    const hostile = [
      "<script>globalThis.harmed = 1</script>", "<img src=x onerror='globalThis.harmed = 1'>", "![a picture](https://192.0.2.1/spy.png)",
      "[a link](javascript:globalThis.harmed=1)", "[b](data:text/html,<script>globalThis.harmed=1</script>)", "<svg onload=globalThis.harmed=1>",
      "<iframe srcdoc='<script>top.harmed=1</script>'></iframe>", "<form action=https://192.0.2.1><input name=q></form>", "<a href='x' onclick='globalThis.harmed=1'>c</a>",
      '![x](x"onerror="globalThis.harmed=1)', "<style>body{display:none}</style>", "<math><mtext><table><mglyph><style><img src=x onerror=globalThis.harmed=1>",
    ];
    return shows(typed(hostile.join("\n\n")), async (page) => {
      assert.equal(await page.evaluate(() => globalThis.harmed), undefined);
      const answer = page.locator('[data-testid="answer"]');
      for (const tag of ["script", "img", "svg:not(.icon)", "iframe", "form", "input", "style", "[onclick]", "[onerror]", '[href^="javascript"]', '[href^="data"]']) {
        assert.equal(await answer.locator(tag).count(), 0, tag);
      }
      assert.match(await answer.textContent(), /<script>globalThis\.harmed = 1<\/script>/, "what looks like HTML is shown as it was written");
    });
  });

  test("opens its links in another tab, without a referrer", () =>
    shows(typed("[there](https://example.com/)"), async (page) => {
      const link = page.locator('[data-testid="answer"] a');
      assert.deepEqual([await link.getAttribute("target"), await link.getAttribute("rel")], ["_blank", "noopener noreferrer nofollow"]);
    }));

  test("looks the same streamed and read from the history", () =>
    set.scene(undefined, async ({ page }) => {
      const html = () => page.page.$$eval('[data-testid="text-rendered"]', (texts) => texts.map((one) => one.innerHTML));
      await page.send("Say *this*. /unicode /tokens 40 /rate 0");
      await page.status("completed");
      const streamed = await html();
      await page.page.reload();
      await page.settled();
      assert.deepEqual(await html(), streamed);
    }, { view: "rendered" }));
});

describe("parts", { concurrency: 4 }, () => {
  const call = { toolCallId: "c", toolName: "search" };

  test("a tool call is folded, and opens to its input and output", () =>
    shows([{ type: "tool-input-available", ...call, input: { q: 1 } }, { type: "tool-output-available", ...call, output: [1, "two"] }], async (page) => {
      assert.equal(await page.isVisible('[data-testid="tool-input"]'), false);
      await page.click('[data-testid="tool-call"] summary');
      assert.deepEqual(JSON.parse(await page.innerText('[data-testid="tool-input"] pre')), { q: 1 });
      assert.deepEqual(JSON.parse(await page.innerText('[data-testid="tool-output"] pre')), [1, "two"]);
    }));

  test("a tool that failed says so", () =>
    shows([{ type: "tool-input-available", ...call, input: {} }, { type: "tool-output-error", toolCallId: "c", errorText: "No such index" }], async (page) => {
      await page.click('[data-testid="tool-call"][data-state="failed"] summary');
      assert.match(await page.innerText('[data-testid="tool-error"]'), /No such index/);
    }));

  test("a tool that was still at work when the answer ended is not shown as running", () =>
    shows([{ type: "tool-input-available", ...call, input: {} }], (page) => page.waitForSelector('[data-testid="tool-call"][data-state="unfinished"]')));

  test("reasoning is folded, and opens", () =>
    shows([{ type: "reasoning-start", id: "r" }, { type: "reasoning-delta", id: "r", delta: "Hm." }, { type: "reasoning-end", id: "r" }], async (page) => {
      await page.click('[data-testid="reasoning"] summary');
      assert.match(await page.innerText('[data-testid="reasoning"]'), /Hm\./);
    }));

  test("sources and files are links, but not to scripts", () =>
    shows(
      [
        { type: "source-url", sourceId: "1", url: "https://example.com/a", title: "A" },
        { type: "source-url", sourceId: "2", url: "javascript:alert(1)", title: "B" },
        { type: "file", url: "data:text/plain,hi", mediaType: "text/plain" },
      ],
      async (page) => {
        assert.deepEqual(await page.$$eval("a.attachment", (links) => links.map((link) => link.getAttribute("href"))), ["https://example.com/a", "data:text/plain,hi"]);
        assert.equal(await page.innerText("span.attachment"), "B");
      },
    ));

  test("a long-running operation is shown as such, also after a reload, until it is stopped", () =>
    set.scene(undefined, async ({ page }) => {
      await page.send("Do it. /operation render /tokens 5 /rate 0");
      const waiting = '[data-testid="tool-call"][data-state="operation"]';
      await page.page.waitForSelector(waiting);
      await page.page.reload();
      await page.page.waitForSelector(waiting);
      await page.page.waitForSelector('[data-testid="status"]:has-text("Waiting for render")');
      await page.click("stop");
      await page.status("stopped");
      await page.page.waitForSelector('[data-testid="tool-call"][data-state="unfinished"]');
    }));
});
