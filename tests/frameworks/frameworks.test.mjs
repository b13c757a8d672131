// The adapters of docs/frameworks.md: its code is compiled and run, with Vue and with Svelte.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { after, afterEach, test } from "node:test";
import { build } from "esbuild";
import { blocksOf, root } from "../docs/lib/blocks.mjs";
import { chat, closeAll, shows, texts } from "../node/lib/chat.mjs";

const blocks = blocksOf("docs/frameworks.md");
const folder = mkdtempSync(join(root, "tests/frameworks/.run-"));

after(() => rmSync(folder, { recursive: true, force: true }));
afterEach(closeAll);

/** Compiles a block and imports it. Its framework and package are the modules that the test itself imports. */
async function load(name, language, contents) {
  const outfile = join(folder, `${name}.mjs`);
  await build({
    stdin: { contents, loader: language, resolveDir: import.meta.dirname }, outfile, bundle: true, format: "esm", platform: "node",
    external: ["vue", "vue/*", "svelte", "svelte/*"], alias: { rejoin: join(root, "dist/index.js") },
  });
  return import(pathToFileURL(outfile));
}

/** Returns the code of the nth block of a language. */
const code = (language, nth = 0) => blocks.filter((block) => block.language === language)[nth].code;

/** Sends a message and answers it. */
async function converse(conversation, backend) {
  const begun = backend.next();
  const outcome = conversation.send("Hi");
  await begun;
  backend.say("Hello");
  backend.finish();
  assert.equal((await outcome).kind, "finished");
}

const SHOWN = ["user: Hi", "assistant: Hello"];

test("the adapters are of fifteen lines each", () => {
  for (const nth of [0, 1]) assert.ok(code("ts", nth).trim().split("\n").length <= 15);
});

test("Vue: the snapshot is a ref, the component renders it, and the scope disposes of the chat", async () => {
  const { createSSRApp, effectScope, h, watch } = await import("vue");
  const { renderToString } = await import("vue/server-renderer");
  const { compile } = await import("vue/compiler-sfc").then(({ compileTemplate }) => ({ compile: compileTemplate }));
  const { useConversation } = await load("vue", "ts", code("ts", 0));
  const { streams, backend } = chat();
  const scope = effectScope();
  const seen = [];
  const made = scope.run(() => {
    const made = useConversation(streams, "s");
    watch(made.snapshot, (snapshot) => seen.push(snapshot.status), { flush: "sync" });
    return made;
  });
  await converse(made.chat, backend);
  assert.deepEqual(texts(made.snapshot.value), SHOWN);
  assert.ok(seen.includes("streaming") && seen.at(-1) === "ready", String(seen));

  const template = /<template>([^]*)<\/template>/.exec(code("vue"))[1];
  const compiled = compile({ source: template, filename: "Chat.vue", id: "chat" });
  assert.deepEqual(compiled.errors, []);
  const { render } = await load("vue-template", "ts", compiled.code);
  const html = await renderToString(createSSRApp({ setup: () => ({ ...made }), render, components: {} }, {}));
  assert.match(html.replace(/<!--.*?-->/g, ""), /<p>user: Hi<\/p><p>assistant: Hello<\/p><button>Send<\/button>/);
  assert.equal(typeof h, "function");
  scope.stop();
  const before = seen.length;
  await made.chat.refresh().catch(() => {});
  assert.equal(seen.length, before);
});

test("Svelte: the snapshot is a store, and the component renders it", async () => {
  const { compile } = await import("svelte/compiler");
  const { render } = await import("svelte/server");
  const { conversation } = await load("svelte", "ts", code("ts", 1));
  const { streams, backend } = chat();
  const made = conversation(streams, "s");
  const seen = [];
  const end = made.snapshot.subscribe((snapshot) => seen.push(snapshot.status));
  await converse(made.chat, backend);
  assert.ok(seen.includes("streaming") && seen.at(-1) === "ready", String(seen));

  const { js } = compile(code("svelte"), { filename: "Chat.svelte", generate: "server" });
  writeFileSync(join(folder, "Chat.mjs"), js.code);
  const { default: Chat } = await import(pathToFileURL(join(folder, "Chat.mjs")));
  const { body } = render(Chat, { props: made });
  assert.match(body.replace(/<!--.*?-->/g, ""), /<p>user: Hi<\/p>\s*<p>assistant: Hello<\/p>\s*<button>Send<\/button>/);
  end();
  made.chat.dispose();
  await shows(made.chat, () => true);
});
