/** The browser as the core sees it: what src/browser/host.rs may call, and what is told to the core in return. */

import { startClock } from "./clock.js";
import { Exchanges } from "./exchange.js";
import { quietly } from "./hostile.js";
import { News } from "./news.js";
import { followPage } from "./page.js";
import { TextStorage } from "./storage.js";
import { Tabs } from "./tabs.js";
import type { Urgency } from "../delivery.js";
import type { Tell } from "./news.js";
import type { ChatStreamsOptions, HeadersReason } from "../../types/index.js";

/** What the TypeScript face is told by the core. */
export interface Face {
  /** Notices wait. */
  wake(): void;
  /** Chunks of a session wait. */
  deliver(session: string, urgency: Urgency): void;
}

/** What the browser is told to: `Engine` (src/bindings/client.rs). */
export interface Core {
  hear(news: number, attempt: number, text: string, bytes: Uint8Array): boolean;
  take(attempt: number, bytes: Uint8Array): void;
}

const NOTHING = new Uint8Array();

/** Mirrors `Host` in src/browser/host.rs. None of its methods throws. */
export class Host {
  #face: Face | undefined;
  readonly #storage: TextStorage;
  #exchanges: Exchanges | undefined;
  #core: Core | undefined;
  #tabs: Tabs | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leavePage: (() => void) | undefined;
  readonly now = startClock();

  constructor(options: ChatStreamsOptions, face: Face) {
    this.#face = face;
    this.#storage = new TextStorage(options.storage ?? undefined);
    const take = (attempt: number, bytes: Uint8Array): void => this.#core?.take(attempt, bytes);
    this.#exchanges = new Exchanges(options, { tell: this.#tell, take });
  }

  /** From now on the core hears what happens, beginning with what is already so. */
  connect(core: Core): void {
    this.#core = core;
    this.#leavePage = followPage(this.#tell);
  }

  wake(): void {
    this.#face?.wake();
  }

  deliver(session: string, urgency: Urgency): void {
    this.#face?.deliver(session, urgency);
  }

  // ---- requests ----

  open(attempt: number, method: string, path: string, body: string | undefined, why: string, expectsStream: boolean): void {
    void this.#exchanges?.start({ attempt, method, path, body, why: why as HeadersReason, expectsStream });
  }

  abort(attempt: number): void {
    this.#exchanges?.abort(attempt);
  }

  // ---- the storage ----

  read(key: string): string | undefined {
    return this.#storage.read(key);
  }

  write(key: string, text: string): void {
    this.#storage.write(key, text);
  }

  remove(key: string): void {
    this.#storage.remove(key);
  }

  /** The keys that begin so, each with a NUL behind it. */
  keys(prefix: string): string {
    return this.#storage.keys(prefix).map((key) => `${key}\0`).join("");
  }

  // ---- other tabs ----

  /** Joins the tabs of a channel; `false` where the browser forbids it. */
  join(name: string): boolean {
    this.#tabs?.leave();
    this.#tabs = quietly(() => new Tabs(name, this.#tell));
    return this.#tabs !== undefined;
  }

  leave(): void {
    this.#tabs?.leave();
    this.#tabs = undefined;
  }

  post(message: string): void {
    this.#tabs?.post(message);
  }

  lock(session: string, name: string, isStealing: boolean): void {
    this.#tabs?.lock(session, name, isStealing);
  }

  unlock(session: string): void {
    this.#tabs?.unlock(session);
  }

  // ---- time, and the end ----

  /** Rings once after so many milliseconds instead of when it would have; not at all where that is negative. */
  arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = ms < 0 ? undefined : setTimeout(this.#tell, ms, News.Rang);
  }

  /**
   * Lets go of everything. The core keeps its host, which leads to the client, which keeps the core: a circle that no
   * collector sees through, because half of it is WebAssembly.
   */
  close(): void {
    this.#leavePage?.();
    this.leave();
    this.arm(-1);
    this.#exchanges?.forget();
    this.#exchanges = this.#core = this.#face = undefined;
  }

  readonly #tell: Tell = (news, attempt = 0, text = "", bytes = NOTHING) => this.#core?.hear(news, attempt, text, bytes) ?? false;
}
