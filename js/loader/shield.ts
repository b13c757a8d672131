/** Keeps V8 from inlining calls of WebAssembly, because some versions of it end the process when they undo that. */

/**
 * Returns the exports of an instance with a proxy around each function.
 *
 * V8 of Node 20 and 22 (up to version 12.4, that of Chrome 124) compiles a hot call of WebAssembly into the JavaScript that makes
 * it. If that JavaScript is deoptimised during the call, and the function returns a JavaScript value, V8 ends the process or the
 * tab with "unreachable code". Code of the app can cause this, for example a `StorageLike` whose `getItem` changes an object that
 * the caller of `getActiveTask` reads. V8 does not inline calls through a proxy. `tests/node/shield.test.mjs` fails without the
 * proxies, and says when they are no longer needed.
 */
export function shielded(exports: WebAssembly.Exports): WebAssembly.Exports {
  const entries = Object.entries(exports).map(([name, value]) => [name, typeof value === "function" ? new Proxy(value, {}) : value] as const);
  return Object.fromEntries(entries);
}
