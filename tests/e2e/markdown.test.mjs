// A growing markdown text is split again from its last blocks only. However it grew, its blocks are those of the whole text.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { random } from "./lib/random.mjs";

const PIECES = [
  "# Head\n", "some text ", "\n", "\n\n", "- item\n", "  more\n", "1. one\n", "* star\n", "- [ ] open\n", "```js\ncode\n", "```\n", "~~~\n",
  "> quote\n", "| a | b |\n|---|---|\n", "| 1 | 2 |\n", "===\n", "---\n", "    indented\n", "\t tab\n", "<div>\n", "</div>\n", "<!-- c\n", "-->\n",
  "[x]: http://a\n", "**bold** ", "text\r\nmore\r\n", "\r", "\\\n",
];

async function loadSplitter() {
  const entry = join(import.meta.dirname, "../../www/src/app/parts/blocks.ts");
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
  return (await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`)).BlockSplitter;
}

test("blocks found while the text grows are the blocks of the whole text", async () => {
  const BlockSplitter = await loadSplitter();
  const sources = (blocks) => blocks.map(({ source }) => source);
  for (let seed = 0; seed < 5000; seed += 1) {
    const { below, pick } = random(seed);
    const growing = new BlockSplitter();
    let text = "";
    for (let pieces = 1 + below(14); pieces > 0; pieces -= 1) {
      text += pick(PIECES);
      growing.split(text);
    }
    assert.deepEqual(sources(growing.split(text)), sources(new BlockSplitter().split(text)), JSON.stringify(text));
  }
});
