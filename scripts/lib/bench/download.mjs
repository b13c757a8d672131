// Measures what an app downloads for its chat, with brotli at its best: bundled and minified, without React, which it has anyway.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { root } from "../run.mjs";
import { esbuild } from "./peers.mjs";
import { printTable } from "./table.mjs";

const wasm = () => readFileSync(join(root, "dist/client.wasm"));

const SIDES = [
  { name: "useChat and DefaultChatTransport", code: 'export { useChat } from "@ai-sdk/react"; export { DefaultChatTransport } from "ai";' },
  { name: "rejoin/slim, client.wasm", goal: 45, code: 'export { init, createChatStreams } from "rejoin/slim";', beside: wasm },
  { name: "rejoin, inlined", goal: 60, code: 'export { init, createChatStreams } from "rejoin";' },
  { name: "rejoin/react", code: 'export { useChatStream } from "rejoin/react";' },
];

export async function download() {
  const body = [];
  for (const { name, goal, code, beside } of SIDES) {
    const parts = [await bundled(code), ...(beside ? [beside()] : [])];
    const size = (measure) => (parts.reduce((sum, part) => sum + measure(part), 0) / 1000).toFixed(1);
    body.push([name, `${size(brotli)} kB`, goal ? `${goal} kB` : "", `${size(({ length }) => length)} kB`]);
  }
  printTable("Download", ["what", "brotli", "goal", "minified"], body);
}

async function bundled(contents) {
  const { outputFiles } = await esbuild({
    stdin: { contents, resolveDir: root, sourcefile: "entry.js" },
    external: ["react", "react-dom"],
    minify: true,
    legalComments: "none",
    write: false,
  });
  return Buffer.from(outputFiles[0].contents);
}

function brotli(data) {
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(data, { params }).length;
}
