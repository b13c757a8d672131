// `npm run bench`: this package and its peers, side by side, in Node and in headless Chromium. Names select rows, e.g.
// `npm run bench -- whole decode`; `--node` or `--chromium` one of the engines; `--rounds=31` how often.

import { createServer } from "node:http";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { chromium as browser } from "./lib/browser.mjs";
import { output, root, run, targetDir } from "./lib/run.mjs";
import { step } from "./lib/step.mjs";

const out = join(targetDir, "bench");

async function main(args) {
  const flags = args.filter((arg) => arg.startsWith("--"));
  const wanted = args.filter((arg) => !arg.startsWith("--"));
  const rounds = Number(flags.find((flag) => flag.startsWith("--rounds="))?.slice(9) ?? 15);
  await build();
  await peers();
  await bundle();
  const both = !flags.includes("--node") && !flags.includes("--chromium");
  if (both || flags.includes("--node")) print(`Node ${process.versions.node}, CPU time`, await inNode({ wanted, rounds }), 0);
  if (both || flags.includes("--chromium")) print(`Chromium ${await version()}, CPU time of the page`, await inChromium({ wanted, rounds }), 1);
}

async function peers() {
  const folder = join(root, "benches/peers");
  await step("bench-peers", { inputs: ["benches/peers/package-lock.json"], outputs: ["benches/peers/node_modules/ai/package.json"] }, () => {
    run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder });
  });
}

async function bundle() {
  const { build: esbuild } = await import("esbuild");
  mkdirSync(out, { recursive: true });
  await esbuild({
    absWorkingDir: root,
    entryPoints: ["benches/web/rows.mjs"],
    outfile: join(out, "rows.mjs"),
    nodePaths: [join(root, "benches/peers/node_modules")],
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
  });
}

/** Of all threads of the process: what a noisy machine spares us, and garbage collection does not hide in. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function inNode(options) {
  const { measure } = await import(pathToFileURL(join(out, "rows.mjs")));
  const rejoin = await import(pathToFileURL(join(root, "dist/index.js")));
  await rejoin.init();
  return measure({ rejoin, clock: cpu, ...options });
}

async function inChromium(options) {
  const { chromium } = await import("playwright-core");
  const files = { "/rows.mjs": join(out, "rows.mjs"), "/index.js": join(root, "dist/index.js") };
  const server = createServer((request, response) => {
    const file = files[request.url];
    response.setHeader("content-type", file ? "text/javascript" : "text/html");
    response.end(file ? readFileSync(file) : "<!doctype html><title>bench</title>");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const instance = await chromium.launch({ executablePath: browser(), args: ["--no-sandbox", "--js-flags=--expose-gc"] });
  try {
    const page = await instance.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    await page.exposeFunction("cpuOfPage", async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return 1000 * metrics.find(({ name }) => name === "ProcessTime").value;
    });
    return await page.evaluate(async (options) => {
      const [rejoin, { measure }] = await Promise.all([import("/index.js"), import("/rows.mjs")]);
      await rejoin.init();
      return measure({ rejoin, clock: cpuOfPage, ...options });
    }, options);
  } finally {
    await instance.close();
    server.close();
  }
}

async function version() {
  return /[\d.]+/.exec(output(browser(), ["--version"]) ?? "")?.[0];
}

function print(title, rows, engine) {
  console.log(`\n${title}\n`);
  console.log("| row | ratio | goal | median (lower, upper quartile) in ms |\n|---|---|---|---|");
  for (const { name, goal, less, times } of rows) {
    const off = less ? median(times[less]) : 0;
    const [own, peer] = Object.values(times).map((all) => median(all) - off);
    const raw = Object.entries(times).map(([side, all]) => `${side} ${figure(median(all))} (${figure(quantile(all, 0.25))}, ${figure(quantile(all, 0.75))})`);
    console.log(`| ${name} | ${figure(peer / own)}× | ${figure(goal[engine])}× | ${raw.join(", ")} |`);
  }
}

function median(all) {
  return quantile(all, 0.5);
}

function quantile(all, part) {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

function figure(number) {
  return number >= 100 ? String(Math.round(number)) : number.toPrecision(2 + (number >= 10));
}

await main(process.argv.slice(2));
