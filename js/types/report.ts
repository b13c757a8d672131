/** Where an error of the app's own code goes when it must not stop ours. */

/** As an uncaught error of a page: heard by `window.onerror`, shown in the console. */
export function report(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}

/** Calls the app; what it throws is reported. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    report(error);
  }
}
