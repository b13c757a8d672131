// Keeps the chosen chat in the address, so that a reload, a bookmark and the back button find it.
import { Store } from "./store";

const PREFIX = "#/chat/";

function read(): string | null {
  const { hash } = location;
  return hash.startsWith(PREFIX) ? decode(hash.slice(PREFIX.length)) : null;
}

/** An address typed by hand may hold a lone `%`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The id of the chat shown, or null for a new one. */
export const route = new Store<string | null>(read());

addEventListener("hashchange", () => route.set(read()));

export function show(id: string | null): void {
  history.pushState(null, "", id === null ? location.pathname + location.search : PREFIX + encodeURIComponent(id));
  route.set(id);
}

addEventListener("popstate", () => route.set(read()));
