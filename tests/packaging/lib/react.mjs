// Pages of React 18 and 19 in Chromium, and the output of a server: both from source text, bundled with one React.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { root } from "./fresh.mjs";

/** The paths of each major: the app and the hooks have to import the same modules. */
export const reacts = [18, 19].map((major) => {
  const require = createRequire(join(root, major === 18 ? "tests/packaging/react-18/package.json" : "package.json"));
  const place = (name) => dirname(require.resolve(`${name}/package.json`));
  return { major, version: require("react").version, alias: { react: place("react"), "react-dom": place("react-dom") } };
});

/** Bundles source text with one React. */
async function bundle(contents, alias, options) {
  const { outputFiles } = await build({
    stdin: { contents, loader: "tsx", resolveDir: root }, bundle: true, write: false, jsx: "automatic", alias,
    define: { "process.env.NODE_ENV": '"development"' }, ...options,
  });
  return outputFiles?.[0].text;
}

/**
 * Serves an app with each React to a browser. Returns a function that opens a page with one. `problems` collects the errors of
 * the page.
 */
export function pagesOf(app) {
  const scripts = new Map();
  let server, browser;

  before(async () => {
    for (const { major, alias } of reacts) scripts.set(`/${major}.js`, await bundle(app, alias, { format: "esm" }));
    server = createServer(({ url }, response) => {
      const script = scripts.get(url);
      response.setHeader("content-type", script ? "text/javascript" : "text/html");
      response.end(script ?? `<!doctype html><link rel=icon href="data:,"><script type=module src=${url}.js></script>`);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  return async (major, hash = "") => {
    const page = await browser.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (said) => said.type() === "error" && !said.text().startsWith("Failed to load resource") && problems.push(said.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/${major}${hash}`);
    return { page, problems };
  };
}

/** Returns what an app exports as `html` when it runs in Node, without React's marks between texts. */
export async function renderedBy(app, alias) {
  const folder = mkdtempSync(join(tmpdir(), "rejoin-react-"));
  try {
    const outfile = join(folder, "page.cjs");
    await bundle(app, alias, { format: "cjs", platform: "node", write: true, outfile });
    const { html } = createRequire(import.meta.url)(outfile);
    return html.replace(/<!-- -->/g, "");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
