/** What the browser tells the core. Mirrors src/browser/news.rs, whose table says what goes with each. */

/** What happened. */
export const enum News {
  Opened,
  Answered,
  Ended,
  NetworkFailed,
  HeadersFailed,
  UrlInvalid,
  Posted,
  Locked,
  LockLost,
  LocksRefused,
  Online,
  Offline,
  Shown,
  Hidden,
  Left,
  Returned,
  KeyChanged,
  KeysCleared,
  Rang,
}

/** Tells the core: what happened, to which request, and what goes with it. Answers whether a body is to be streamed. */
export type Tell = (news: News, attempt?: number, text?: string, bytes?: Uint8Array) => boolean;
