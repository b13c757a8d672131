/** Reports errors that the app's own callbacks throw, so that they do not stop the package. */

/** Reports an error as a page reports an uncaught one: `window.onerror` receives it, and the console shows it. */
export function report(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}

/** Calls a callback of the app and reports what it throws. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
