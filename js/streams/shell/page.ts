/**
 * What the page tells of its life: visible, hidden, left, back; online, offline; another tab's writes to the storage.
 * Where there is no window (a server, a worker) there is nothing to hear.
 */

import { listen, quietly, thisWindow } from "./hostile.js";
import { News } from "./news.js";
import type { Tell } from "./news.js";

/** Listens until what it gives is called; tells at once what is already so (hidden, offline). */
export function followPage(tell: Tell): () => void {
  const page = thisWindow();
  if (!page) return () => {};
  const document = quietly(() => page.document) as Document | undefined;
  if (document?.visibilityState === "hidden") tell(News.Hidden);
  if (quietly(() => page.navigator.onLine) === false) tell(News.Offline);
  const endings = [
    listen(page, "online", () => tell(News.Online)),
    listen(page, "offline", () => tell(News.Offline)),
    listen(page, "pagehide", () => tell(News.Left)),
    listen(page, "pageshow", (event) => void ((event as PageTransitionEvent).persisted && tell(News.Returned))),
    listen(page, "storage", (event) => tellKey(tell, (event as StorageEvent).key)),
  ];
  if (document) {
    endings.push(
      listen(document, "visibilitychange", () => tell(document.visibilityState === "hidden" ? News.Hidden : News.Shown)),
      listen(document, "freeze", () => tell(News.Left)),
      listen(document, "resume", () => tell(News.Returned)),
    );
  }
  return () => endings.forEach((end) => end());
}

/** No key: the storage was cleared. */
function tellKey(tell: Tell, key: unknown): void {
  if (typeof key === "string") tell(News.KeyChanged, 0, key);
  else tell(News.KeysCleared);
}
