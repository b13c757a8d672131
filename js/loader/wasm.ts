/** Loads the WebAssembly once, from any kind of source, and explains why if it cannot. */

import { imports, link } from "./link.js";
import { RejoinError } from "../types/errors.js";

/** A source of the WebAssembly: its URL, a response, its bytes or a compiled module. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;

let bundled: (() => BufferSource | WebAssembly.Module) | undefined;
let loading: Promise<void> | undefined;
let loaded = false;

/** Sets the source that `init()` uses by default. An entry point that has one calls it; `init()` decodes it. */
export function bundle(decode: () => BufferSource | WebAssembly.Module): void {
  bundled = decode;
}

/**
 * Loads the WebAssembly. You may call it anywhere and any number of times, because it loads only once. After a failure the next
 * call tries again.
 *
 * @param source where the WebAssembly comes from; only `rejoin/slim` needs it, in the first call that succeeds
 * @throws {RejoinError} `UNSUPPORTED`, `CSP_BLOCKED`, `CODE_GENERATION_BLOCKED`, `NOT_INITIALISED` (no source), `INVALID_WASM`,
 * `NETWORK`
 */
export function init(source?: WasmSource | Promise<WasmSource>): Promise<void> {
  if (loaded) return Promise.resolve();
  // This failure is not remembered: a client of rejoin/slim may exist before the app calls init(source).
  if (source === undefined && !bundled && !loading) return Promise.reject(noSource());
  loading ??= start(source).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/**
 * Loads the WebAssembly synchronously, for tests and workers. Some engines refuse to do this on the main thread.
 *
 * @throws {RejoinError} as `init`
 */
export function initSync(source?: BufferSource | WebAssembly.Module): void {
  if (loaded) return;
  requireWebAssembly();
  const chosen = source ?? builtIn();
  try {
    const module = chosen instanceof WebAssembly.Module ? chosen : new WebAssembly.Module(chosen);
    link(new WebAssembly.Instance(module, imports));
  } catch (error) {
    throw explain(error, chosen);
  }
  loaded = true;
}

/**
 * Checks that `init` has succeeded.
 *
 * @throws {RejoinError} `NOT_INITIALISED` if it has not
 */
export function requireInit(): void {
  if (!loaded) throw new RejoinError("NOT_INITIALISED", "Call and await init() before this function: the WebAssembly is not loaded yet.");
}

/** Returns whether `init` has succeeded. */
export function isInitialised(): boolean {
  return loaded;
}

async function start(source: WasmSource | Promise<WasmSource> | undefined): Promise<void> {
  requireWebAssembly();
  const chosen = source == null ? builtIn() : await given(source);
  const found = isLocation(chosen) ? await download(chosen) : chosen;
  const instance = isResponse(found) ? await received(found) : await instantiated(found);
  // `initSync` may have finished in the meantime.
  if (loaded) return;
  link(instance);
  loaded = true;
}

/** Waits for a source that is a promise, such as `fetch(url)`. */
async function given(source: WasmSource | Promise<WasmSource>): Promise<WasmSource> {
  try {
    return await source;
  } catch (error) {
    throw lost("what init() was given", error);
  }
}

async function received(response: Response): Promise<WebAssembly.Instance> {
  return (await streamed(response)) ?? instantiated(await body(response));
}

/**
 * Compiles a response while it arrives. Engines cache the optimised code of such modules for the next visit. It returns
 * undefined on failure; it reads a clone, so that the caller can still find the cause in the bytes of the response.
 */
async function streamed(response: Response): Promise<WebAssembly.Instance | undefined> {
  if (!canStream(response)) return undefined;
  try {
    return (await WebAssembly.instantiateStreaming(response.clone(), imports)).instance;
  } catch {
    return undefined;
  }
}

function canStream(response: Response): boolean {
  if (typeof WebAssembly.instantiateStreaming !== "function" || !(response instanceof Response)) return false;
  return response.ok && response.headers.get("content-type")?.startsWith("application/wasm") === true;
}

async function instantiated(code: BufferSource | WebAssembly.Module): Promise<WebAssembly.Instance> {
  try {
    const made: unknown = await WebAssembly.instantiate(code as WebAssembly.Module, imports);
    return made instanceof WebAssembly.Instance ? made : (made as WebAssembly.WebAssemblyInstantiatedSource).instance;
  } catch (error) {
    throw explain(error, code);
  }
}

function builtIn(): BufferSource | WebAssembly.Module {
  if (!bundled) throw noSource();
  try {
    return bundled();
  } catch (error) {
    throw explain(error);
  }
}

function noSource(): RejoinError {
  return new RejoinError(
    "NOT_INITIALISED",
    "rejoin/slim comes without its WebAssembly: call init(source) with the URL or bytes of rejoin/client.wasm first.",
  );
}

function requireWebAssembly(): void {
  if (typeof WebAssembly === "object") return;
  throw new RejoinError(
    "UNSUPPORTED",
    "This engine has no WebAssembly, or it is switched off (for example by lockdown mode). rejoin needs Chrome 96, Firefox 89, Safari 16.4, Node 20.19 or later.",
  );
}

function isLocation(source: WasmSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

/** Recognises a response by its methods, because test environments have a `Response` class of their own. */
function isResponse(source: WasmSource): source is Response {
  return typeof (source as Response).arrayBuffer === "function";
}

async function download(location: string | URL): Promise<BufferSource | Response> {
  try {
    return localFile(location) ?? (await fetch(location));
  } catch (error) {
    throw lost(String(location), error);
  }
}

/**
 * Reads a `file:` URL, which is what `import.meta.resolve("rejoin/client.wasm")` returns in Node. Node's `fetch` does not
 * read those.
 */
function localFile(location: string | URL): BufferSource | undefined {
  if (!String(location).startsWith("file:")) return undefined;
  const { process } = globalThis as { process?: { getBuiltinModule?(id: "node:fs"): FileSystem } };
  return process?.getBuiltinModule?.("node:fs").readFileSync(new URL(location));
}

/** The part of Node's `fs` that is used. It is found without an import, because bundlers would follow that. */
interface FileSystem {
  readFileSync(path: URL): Uint8Array<ArrayBuffer>;
}

async function body(response: Response): Promise<BufferSource> {
  if (!response.ok) {
    const retryable = response.status >= 500 || response.status === 429;
    throw new RejoinError(
      "NETWORK",
      `${response.url || "The server"} answered ${response.status} instead of the WebAssembly of rejoin.`,
      { status: response.status, retryable },
    );
  }
  try {
    return await response.arrayBuffer();
  } catch (error) {
    throw lost(response.url || "its server", error);
  }
}

function lost(where: string, error: unknown): RejoinError {
  return new RejoinError("NETWORK", `The WebAssembly of rejoin could not be loaded from ${where}: ${String(error)}`, { retryable: true });
}

function explain(error: unknown, code?: BufferSource | WebAssembly.Module): RejoinError {
  if (error instanceof RejoinError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isForbiddenByRuntime(reason)) {
    return new RejoinError(
      "CODE_GENERATION_BLOCKED",
      `This runtime compiles no WebAssembly from bytes, as Cloudflare Workers do not: let the bundler resolve rejoin with the "workerd" condition, or import rejoin/client.wasm as a WebAssembly.Module and pass it to init() of rejoin/slim. (${reason})`,
    );
  }
  if (isPolicy(error, reason)) {
    return new RejoinError(
      "CSP_BLOCKED",
      `The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src. (${reason})`,
    );
  }
  if (code && !(code instanceof WebAssembly.Module) && !isWasm(code)) {
    return new RejoinError(
      "INVALID_WASM",
      "init() was given something that is not WebAssembly, perhaps an error page: check where rejoin/client.wasm is served.",
    );
  }
  return new RejoinError(
    "UNSUPPORTED",
    `This engine cannot run the WebAssembly of rejoin, which needs SIMD, bulk memory and reference types (Chrome 96, Firefox 89, Safari 16.4, Node 20.19), or the file is not complete. (${reason})`,
  );
}

/** V8 says the same of a page, where it is the policy. */
function isForbiddenByRuntime(reason: string): boolean {
  return /code generation disallowed/i.test(reason) && typeof document !== "object";
}

function isPolicy(error: unknown, reason: string): boolean {
  return error instanceof EvalError || /content security policy|\bCSP\b|unsafe-eval|code generation disallowed/i.test(reason);
}

function isWasm(code: BufferSource): boolean {
  const bytes = ArrayBuffer.isView(code) ? new Uint8Array(code.buffer, code.byteOffset, code.byteLength) : new Uint8Array(code);
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}
