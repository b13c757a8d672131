// Uses the package as a new user would: packed, and installed outside the repository.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "../..");
let app;

before(() => {
  app = mkdtempSync(join(tmpdir(), "rejoin-app-"));
  const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--silent", "--pack-destination", app], root));
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--silent", "--offline", join(app, filename)]);
});

after(() => rmSync(app, { recursive: true, force: true }));

const USE = `
  if (normalizeStreamChunk({ type: "text-delta", id: "0", delta: "hi" }).content !== "hi") throw new Error("wrong chunk");
  const streams = createChatStreams({ baseUrl: "http://127.0.0.1:9", retry: { maxRetries: 0 } });
  const outcome = await streams.startStream("s", "hello");
  streams.close();
  console.log(outcome.kind, outcome.error.code);
`;

test("Node imports it, and a stream that cannot be had fails with a code", () => {
  file("use.mjs", `import { createChatStreams, init, normalizeStreamChunk } from "rejoin"; await init(); ${USE}`);
  assert.equal(run("node", ["use.mjs"]).trim(), "failed NETWORK_ERROR");
});

test("Node requires it", () => {
  file("use.cjs", `const { createChatStreams, init, normalizeStreamChunk } = require("rejoin"); (async () => { await init(); ${USE} })();`);
  assert.equal(run("node", ["--no-warnings", "use.cjs"]).trim(), "failed NETWORK_ERROR");
});

test("importing does nothing: no decoding, no timers, no globals, and the process ends", () => {
  file("import.mjs", `
    const before = new Set(Reflect.ownKeys(globalThis));
    for (const name of ["compile", "instantiate", "Module"]) WebAssembly[name] = () => { throw new Error("used " + name) };
    globalThis.atob = Buffer.from = () => { throw new Error("decoded") };
    const { createChatStreams } = await import("rejoin");
    const streams = createChatStreams();
    streams.getSnapshot("s");
    const added = Reflect.ownKeys(globalThis).filter((name) => !before.has(name));
    console.log(JSON.stringify(added));
  `);
  assert.equal(run("node", ["import.mjs"]).trim(), "[]");
});

test("rejoin/slim takes the bytes of rejoin/client.wasm, as a URL, bytes, a response, a module", () => {
  const sources = ["url", "readFileSync(new URL(url))", "new Response(readFileSync(new URL(url)))", "new WebAssembly.Module(readFileSync(new URL(url)))"];
  for (const source of sources) {
    file("slim.mjs", `
      import { readFileSync } from "node:fs";
      import { createChatStreams, init, normalizeStreamChunk } from "rejoin/slim";
      const url = import.meta.resolve("rejoin/client.wasm");
      await init(${source}); ${USE}`);
    assert.equal(run("node", ["slim.mjs"]).trim(), "failed NETWORK_ERROR", source);
  }
});

test("rejoin/slim without a source says what to do, and works after it was done", () => {
  file("late.mjs", `
    import { createChatStreams, init, normalizeStreamChunk } from "rejoin/slim";
    const early = await createChatStreams().startStream("s", "hello");
    console.log(early.error.code);
    await init(import.meta.resolve("rejoin/client.wasm")); ${USE}`);
  assert.equal(run("node", ["late.mjs"]), "NOT_INITIALISED\nfailed NETWORK_ERROR\n");
});

test("rejoin/slim takes its source also after a client asked for it", () => {
  file("behind.mjs", `
    import { createChatStreams, init, normalizeStreamChunk } from "rejoin/slim";
    const early = createChatStreams();
    const refused = early.ready.catch((error) => error.code);
    await init(import.meta.resolve("rejoin/client.wasm"));
    console.log(await refused);
    await early.ready;
    ${USE}`);
  assert.equal(run("node", ["behind.mjs"]), "NOT_INITIALISED\nfailed NETWORK_ERROR\n");
});

test("init is memoised, and tries again after a failure", () => {
  file("init.mjs", `
    import { init } from "rejoin/slim";
    const codes = [];
    await init(new TextEncoder().encode("<html>")).catch((error) => codes.push(error.code));
    for (const source of ["http://127.0.0.1:9/client.wasm", fetch("http://127.0.0.1:9/client.wasm"), "file:///nowhere/client.wasm"]) {
      await init(source).catch((error) => codes.push(error.code, error.retryable));
    }
    await Promise.all([init(import.meta.resolve("rejoin/client.wasm")), init(), init()]);
    await init();
    console.log(codes.join());`);
  assert.equal(run("node", ["init.mjs"]).trim(), "INVALID_WASM,NETWORK,true,NETWORK,true,NETWORK,true");
});

test("an engine without WebAssembly and a policy against it give different errors", () => {
  file("refused.mjs", `
    import { init } from "rejoin";
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async () => { throw new WebAssembly.CompileError("Refused to compile: 'wasm-unsafe-eval' is not an allowed source") };
    const codes = [await init().catch((error) => error.code)];
    WebAssembly.instantiate = async () => { throw new WebAssembly.CompileError("invalid value type 0x7b") };
    codes.push(await init().catch((error) => error.code));
    WebAssembly.instantiate = async () => { throw new WebAssembly.CompileError("WebAssembly.instantiate(): Wasm code generation disallowed by embedder") };
    codes.push(await init().catch((error) => error.code));
    globalThis.document = {};
    codes.push(await init().catch((error) => error.code));
    delete globalThis.document;
    WebAssembly.instantiate = instantiate;
    const engine = globalThis.WebAssembly;
    delete globalThis.WebAssembly;
    codes.push(await init().catch((error) => error.code));
    globalThis.WebAssembly = engine;
    codes.push(await init().then(() => "ready"));
    console.log(codes.join());`);
  assert.equal(run("node", ["refused.mjs"]).trim(), "CSP_BLOCKED,UNSUPPORTED,CODE_GENERATION_BLOCKED,CSP_BLOCKED,UNSUPPORTED,ready");
});

test("a bundler needs no configuration, and the bundle runs", async () => {
  file("bundled.mjs", `import { createChatStreams, init, normalizeStreamChunk } from "rejoin"; await init(); ${USE}`);
  const outfile = join(app, "out.mjs");
  const { warnings } = await build({ absWorkingDir: app, entryPoints: ["bundled.mjs"], outfile, bundle: true, format: "esm", platform: "browser", logLevel: "silent" });
  assert.deepEqual(warnings, []);
  assert.equal(run("node", ["out.mjs"]).trim(), "failed NETWORK_ERROR");
});

test("a bundler for Workers gets a module that is compiled already", async () => {
  file("worker.mjs", `import { createChatStreams, init, normalizeStreamChunk } from "rejoin"; await init(); globalThis.allow(); ${USE}`);
  // Loads a .wasm file as a WebAssembly.Module, as wrangler does. It is compiled before that is forbidden.
  const asModule = {
    name: "as module",
    setup: ({ onLoad }) => onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ loader: "js", contents: `export default globalThis.compiled(${JSON.stringify(path)});` })),
  };
  await build({
    absWorkingDir: app, entryPoints: ["worker.mjs"], outfile: join(app, "worker.out.mjs"), bundle: true, format: "esm",
    conditions: ["workerd"], plugins: [asModule], logLevel: "silent",
  });
  file("workerd.mjs", `
    import { readFileSync } from "node:fs";
    const { Module, compile, instantiate } = WebAssembly;
    globalThis.compiled = (path) => new Module(readFileSync(path));
    const forbid = () => { throw new WebAssembly.CompileError("Wasm code generation disallowed by embedder") };
    WebAssembly.compile = forbid;
    WebAssembly.instantiate = (code, imports) => (code instanceof Module ? instantiate(code, imports) : forbid());
    // The fetch of Node compiles a parser of its own.
    globalThis.allow = () => Object.assign(WebAssembly, { compile, instantiate });
    await import("./worker.out.mjs");`);
  assert.equal(run("node", ["workerd.mjs"]).trim(), "failed NETWORK_ERROR");
});

test("an error shows its name, also where names were shortened", () => {
  file("name.mjs", `
    import { RejoinError, createChatStreams } from "rejoin";
    const error = await createChatStreams().startStream("", "x").catch((error) => error);
    console.log(RejoinError.name, error.constructor.name, error.stack.split("\\n")[0]);
    console.log(error);`);
  const [names, printed] = run("node", ["name.mjs"]).split("\n");
  assert.equal(names, "RejoinError RejoinError RejoinError: sessionId should not be empty.");
  assert.match(printed, /^RejoinError: sessionId/);
});

test("unused code is left out of a bundle", async () => {
  file("unused.mjs", `import { createChatStreams } from "rejoin"; export const x = 1;`);
  const { outputFiles } = await build({ absWorkingDir: app, entryPoints: ["unused.mjs"], bundle: true, write: false, format: "esm" });
  assert.ok(outputFiles[0].text.length < 500);
});

test("its types are strict, with Node's resolution and a bundler's", () => {
  file("types.ts", `
    import { createChatStreams, createParser, init, RejoinError, type StreamChunk, type StreamOutcome } from "rejoin";
    import { createChatStreams as slim } from "rejoin/slim";
    const streams = createChatStreams({ delivery: "immediate" });
    const outcome: Promise<StreamOutcome> = streams.startStream("s", { message: "m" }, (chunk: StreamChunk) => {
      if (chunk.type === "text_chunk") chunk.content.toUpperCase();
    });
    // @ts-expect-error a session is named by a string
    void streams.startStream(1, "m");
    export { outcome, createParser, init, RejoinError, slim };
  `);
  const tsc = join(root, "node_modules/.bin/tsc");
  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    for (const disposable of ["", ",esnext.disposable"]) {
      const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", `es2022,dom,dom.iterable${disposable}`, "--types", ""];
      run(tsc, [...options, "--module", module, "--moduleResolution", moduleResolution, "types.ts"]);
    }
  }
});

test("the package contains exactly the expected files", () => {
  const names = run("find", ["node_modules/rejoin/", "-type", "f"]).trim().split("\n").map((name) => name.replace("node_modules/rejoin/", ""));
  const isWanted = (name) => /^(dist\/(?:[\w-]+\/)*[\w.-]+\.(js|js\.map|d\.ts|wasm)|package\.json|README\.md|CHANGELOG\.md|LICENSE-\w+)$/.test(name);
  assert.deepEqual(names.filter((name) => !isWanted(name)), []);
  const { exports } = JSON.parse(readFileSync(join(app, "node_modules/rejoin/package.json"), "utf8"));
  const targets = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [entry] : Object.values(entry)));
  for (const target of targets) assert.ok(names.includes(target.slice(2)), target);
});

function file(name, text) {
  writeFileSync(join(app, name), text);
}

function run(command, args, cwd = app) {
  const env = { ...process.env, NODE_OPTIONS: "" };
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.stdout}${error.stderr}`);
  }
}
