// `npm run bench`: compares this package and its peers in Node and in headless Chromium. Names select rows, for example `npm run
// bench -- whole catch-up`. `--node` or `--chromium` selects one engine, and `--rounds=31` sets the number of rounds.

import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { build } from "./build.mjs";
import { startBrowser, version } from "./lib/bench/chromium.mjs";
import { download } from "./lib/bench/download.mjs";
import { memory } from "./lib/bench/memory.mjs";
import { catchUp, firstChunk } from "./lib/bench/pages.mjs";
import { bundle, installPeers, out } from "./lib/bench/peers.mjs";
import { startFiles } from "./lib/bench/server.mjs";
import { printLoad, printRows } from "./lib/bench/table.mjs";
import { root } from "./lib/run.mjs";

async function main(args) {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const wanted = args.filter((arg) => !arg.startsWith("--"));
  const rounds = Number(flags.find((flag) => flag.startsWith("--rounds="))?.slice(9) ?? 11);
  const both = !flags.includes("--node") && !flags.includes("--chromium");
  await build();
  await installPeers();
  await bundle();
  printLoad("before");
  const options = { wanted, rounds };
  const server = await startFiles();
  try {
    if (both || flags.includes("--node")) await inNode(server.url, options);
    if (both || flags.includes("--chromium")) await inChromium(server.url, options);
  } finally {
    await server.stop();
  }
  if (both && isWanted(wanted, "download")) await download();
  printLoad("after");
}

function isWanted(wanted, row) {
  return wanted.length === 0 || wanted.some((name) => row.startsWith(name));
}

async function inNode(server, options) {
  const { measure } = await import(pathToFileURL(join(out, "rows.mjs")));
  const rejoin = await import(pathToFileURL(join(root, "dist/index.js")));
  await rejoin.init();
  printRows(`Node ${process.versions.node}, CPU time`, await measure({ rejoin, server, clock: cpu, ...options }), 0);
  if (isWanted(options.wanted, "memory")) await memory();
}

/** Returns the CPU time of all threads of the process: other processes do not affect it, and garbage collection is part of it. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function inChromium(server, options) {
  const browser = await startBrowser();
  try {
    printRows(`Chromium ${version(browser)}, CPU time of the page`, await browser.measure(server, options), 1);
    if (isWanted(options.wanted, "catch-up")) await catchUp(browser, server, options);
    if (isWanted(options.wanted, "init")) await firstChunk(browser, server, options);
  } finally {
    await browser.close();
  }
}

await main(process.argv.slice(2));
