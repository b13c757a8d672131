// A real server behind a proxy that cuts the first connection of every message, and a browser.

import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { startServer } from "../../../scripts/lib/server.mjs";
import { insideText } from "../../e2e/lib/places.mjs";
import { Truth } from "../../e2e/lib/server.mjs";
import { FaultProxy } from "../../e2e/proxy.mjs";
import { root } from "./fresh.mjs";

/** A message whose answer takes some seconds and has several scripts, so that a cut falls into the middle of it. */
export const MESSAGE = "/unicode /tokens 60 /rate 100";

const SEND = /\/sessions\/[^/]+\/stream/;

/** @param {string} www What the server serves beside its endpoints. */
export async function openStage(www) {
  const program = process.env.REJOIN_SERVER ?? join(root, "target/debug/rejoin-server");
  // A proxy like that of Vite does not pass a reset on, so a cut is silence behind it. These frequent heartbeats end it soon.
  const server = await startServer(program, "--www", www, "--heartbeat-ms", "500");
  const proxy = await new FaultProxy(server.url).up();
  proxy.plan = ({ method, path, nth }) => (method === "POST" && SEND.test(path) && nth === 0 ? { kind: "rst", at: insideText(20) } : undefined);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  return new Stage(server, proxy, browser);
}

class Stage {
  constructor(server, proxy, browser) {
    Object.assign(this, { server, proxy, browser, truth: new Truth(server.url) });
  }

  /** The base URL of the backend. */
  get url() {
    return this.proxy.url;
  }

  async close() {
    await this.browser.close();
    await this.proxy.down();
    await this.server.stop();
  }

  /** Opens a page in a context of its own, and collects its errors. */
  async open(address) {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (said) => said.type() === "error" && !said.text().startsWith("Failed to load resource") && problems.push(said.text()));
    await page.goto(address);
    return { page, problems, close: () => context.close() };
  }

  /** Checks that a page with a button, a status and a text shows the whole answer. The address may have parameters of its own. */
  async assertPageStreams(address) {
    const session = await this.truth.createSession();
    const url = new URL(address);
    url.searchParams.set("session", session);
    url.searchParams.set("message", MESSAGE);
    const { page, problems, close } = await this.open(String(url));
    await page.click("#send");
    await page.waitForFunction(() => document.querySelector("#status").textContent === "completed").catch(async (error) => {
      throw new Error(`${error.message}: ${await page.textContent("body")}\n${problems.join("\n")}`);
    });
    await this.assertWhole(session, await page.textContent("#text"));
    assert.deepEqual(problems, []);
    await close();
  }

  /**
   * Checks that an app that prints or returns `{ kind, text }` got the whole answer. @param ask gets the base URL, the session
   * and the message
   */
  async assertStreams(ask) {
    const session = await this.truth.createSession();
    const { kind, text } = await ask(`${this.url}/api/chat`, session, MESSAGE);
    assert.equal(kind, "finished");
    await this.assertWhole(session, text);
  }

  /** Checks that the text is what the server stored, and that it was requested once, cut once and joined again. */
  async assertWhole(session, text) {
    const stored = await this.truth.answer(session);
    assert.ok(stored.length > 100, "the answer is long enough to be cut");
    assert.equal(text, stored);
    const { messages } = await this.truth.session(session);
    const { task_id: task } = messages.at(-1);
    assert.equal(this.proxy.count("POST", new RegExp(`/sessions/${session}/stream`)), 1, "one POST");
    assert.equal(this.proxy.count("GET", new RegExp(`/tasks/${task}/stream`)), 1, "one rejoin");
  }
}
