// `npm run size`: prints the download size of the package with brotli at its best, and the budgets that `npm test` enforces.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "./build.mjs";
import { root } from "./lib/run.mjs";

/**
 * Files that an app downloads together, and the most bytes that they may take after brotli: the goals of BENCHMARKS.md for what
 * contains the WebAssembly, and about the size of the last build for the rest.
 */
const ROWS = [
  { label: "rejoin/slim + wasm", files: ["slim.js", "client.wasm"], budget: 115_000 },
  { label: "rejoin/react", files: ["react.js"], budget: 1_500 },
  { label: "conversation", files: ["conversation.js"], budget: 8_400 },
  { label: "rejoin, inlined", files: ["index.js"], budget: 120_000 },
];

/** The budget for what `createConversation` adds to an app that uses `rejoin/slim`, in bytes of brotli. The goal is 6 kB. */
const CONVERSATION_ON_SLIM = 7_400;

/** Prints the sizes of the files in dist/, and returns the rows that exceed their budgets. */
export async function checkSizes() {
  const over = [];
  const check = (label, size, compressed, budget) => {
    console.log(`${label.padEnd(20)} ${kilobytes(size)} ${kilobytes(compressed)} brotli, budget ${kilobytes(budget)}`);
    if (compressed > budget) over.push(label);
  };
  for (const { label, files, budget } of ROWS) {
    const contents = files.map((name) => readFileSync(join(root, "dist", name)));
    const sum = (measure) => contents.reduce((all, file) => all + measure(file), 0);
    check(label, sum((file) => file.length), sum(brotli), budget);
  }
  const [client, whole] = [await appOf("init", "createChatStreams"), await appOf("init", "createChatStreams", "createConversation")];
  check("conversation on slim", whole.length - client.length, brotli(whole) - brotli(client), CONVERSATION_ON_SLIM);
  return over;
}

/** Bundles an app that imports these names from `rejoin/slim`. */
async function appOf(...names) {
  const contents = `import { ${names} } from "./dist/slim.js"; console.log(${names});`;
  // Imported here, because the checks are listed before it is installed.
  const { build: bundle } = await import("esbuild");
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", write: false };
  const { outputFiles } = await bundle({ absWorkingDir: root, stdin: { contents, resolveDir: root }, ...options });
  return outputFiles[0].contents;
}

function brotli(data) {
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: data.length, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(data, { params }).length;
}

function kilobytes(count) {
  return `${(count / 1000).toFixed(1)} kB`.padStart(9);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await build();
  const over = await checkSizes();
  if (over.length > 0) throw new Error(`over budget: ${over.join(", ")}`);
}
