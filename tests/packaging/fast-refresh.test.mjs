// Fast refresh: a component that uses `useConversation` is edited in a running Vite, in the middle of an answer.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import react from "@vitejs/plugin-react";
import { createServer } from "vite";
import { root } from "./lib/fresh.mjs";
import { openStage } from "./lib/stage.mjs";

/** A folder below the repository, so that the app finds the package and React. */
const TEMPORARY = join(root, "target/tmp");

const FILES = {
  "index.html": '<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/main.jsx"></script>',
  "streams.js": 'import { createChatStreams } from "rejoin";\nexport const streams = createChatStreams();\n',
  "main.jsx": `
    import { StrictMode } from "react";
    import { createRoot } from "react-dom/client";
    import { Chat } from "./Chat.jsx";
    createRoot(document.getElementById("root")).render(<StrictMode><Chat /></StrictMode>);
  `,
  "Chat.jsx": chatOf("first"),
};

/** The component as it is saved: with another heading, or with another hook, which makes React mount it again. */
function chatOf(heading, hook = "") {
  return `
    import { useState } from "react";
    import { useConversation } from "rejoin/react";
    import { streams } from "./streams.js";

    export function Chat() {
      const [session] = useState(() => new URLSearchParams(location.search).get("session"));
      ${hook}
      const { messages, status, send } = useConversation(streams, session, { resume: true });
      const textOf = ({ parts }) => parts.map(({ text }) => text ?? "").join("");
      return (
        <>
          <h1>${heading}</h1>
          <button id="send" onClick={() => void send("At length. /tokens 300 /rate 60")}>Send</button>
          <p id="status">{status}</p>
          <ol>{messages.map((message) => <li key={message.id} className={message.role}>{textOf(message)}</li>)}</ol>
        </>
      );
    }
  `;
}

let stage;
let vite;
let folder;

before(async () => {
  mkdirSync(TEMPORARY, { recursive: true });
  folder = mkdtempSync(join(TEMPORARY, "fast-refresh-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  stage = await openStage(folder);
  const server = { host: "127.0.0.1", port: 0, watch: { usePolling: true, interval: 50 }, proxy: { "/api": stage.server.url } };
  vite = await createServer({ root: folder, configFile: false, cacheDir: join(folder, ".vite"), logLevel: "error", plugins: [react()], server });
  await vite.listen();
});

after(async () => {
  await vite?.close();
  await stage?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

test("an edited component shows the same chat, whose answer goes on, from one POST", async () => {
  const session = await stage.truth.createSession();
  const { page, problems, close } = await stage.open(`${vite.resolvedUrls.local[0]}?session=${session}`);
  const requests = [];
  page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  const saved = async (heading, hook) => {
    writeFileSync(join(folder, "Chat.jsx"), chatOf(heading, hook));
    await page.waitForFunction((wanted) => document.querySelector("h1")?.textContent === wanted, heading);
  };
  const grown = (length) => page.waitForFunction((wanted) => (document.querySelector("li.assistant")?.textContent.length ?? 0) > wanted, length);

  await page.waitForFunction(() => document.querySelector("#status")?.textContent === "ready");
  await page.evaluate(() => (globalThis.isSamePage = true));
  await page.click("#send");
  await grown(50);
  await saved("second");
  await grown(300);
  await saved("third", "useState(0);");
  await page.waitForFunction(() => document.querySelector("#status").textContent === "ready");

  const { messages } = await stage.truth.session(session);
  assert.deepEqual(await page.locator("li").allTextContents(), messages.map(({ content }) => content));
  assert.equal(messages.length, 2);
  assert.equal(requests.filter((request) => request.startsWith("POST") && request.endsWith("/stream")).length, 1);
  assert.ok(!requests.some((request) => /\/tasks\/.*\/stream/.test(request)), "the stream was joined again");
  assert.equal(await page.evaluate(() => globalThis.isSamePage), true, "the page was not reloaded");
  assert.deepEqual(problems, []);
  await close();
});
