/** Decides when chunks are delivered: once per animation frame, or as they come. */

import { Urgency } from "../loader/generated.js";
import { nextTask } from "./task.js";

/** The interval of deliveries in ms while no frame is drawn, because the page is hidden, covered or scrolled away. */
const HIDDEN_INTERVAL = 50;
/** The time in ms after which a frame will not come any more: engines draw nothing for pages out of sight. */
const LATEST_FRAME = 250;
/** The interval in ms where nothing is ever drawn. */
const FRAME = 16;
/** The bytes of chunks that come between two frames of a replay only, never of an answer that is being written. */
const FLOOD = 16 * 1024;
/** The time in ms for which a replay is held back to be shown at once: the layout of each part would delay the rest. */
const LONGEST_HOLD = 100;

/** Delivers the chunks of a session, unless `flood` bytes of them wait. Returns the number of bytes that it left waiting. */
export type Outlet = (session: string, flood: number) => number;

/** A session that is due: since when, the bytes that waited before the last frame, and whether its stream is over. */
interface Due {
  readonly since: number;
  bytes: number;
  isOver: boolean;
}

/** Collects the sessions that have chunks, and delivers each when it is time. */
export class Delivery {
  readonly #rule: "frame" | "immediate";
  readonly #outlet: Outlet;
  readonly #due = new Map<string, Due>();
  #cancel: (() => void) | undefined;
  /** The time of the last delivery. */
  #last = -Infinity;

  constructor(rule: "frame" | "immediate", outlet: Outlet) {
    this.#rule = rule;
    this.#outlet = outlet;
    if (rule === "frame") this.#watchPage("addEventListener");
  }

  /** Schedules a delivery of waiting chunks. It never delivers before it returns. */
  add(session: string, urgency: Urgency): void {
    const due = this.#dueOf(session);
    if (urgency === Urgency.Now || this.#rule === "immediate") return queueMicrotask(() => this.#give(session));
    due.isOver ||= urgency === Urgency.Soon;
    // The contract allows one delivery per frame.
    const mayComeSoon = performance.now() - this.#last > HIDDEN_INTERVAL;
    if (due.isOver && mayComeSoon) void nextTask().then(() => this.#give(session));
    else this.#waitForFrame();
  }

  #dueOf(session: string): Due {
    const due = this.#due.get(session) ?? { since: performance.now(), bytes: 0, isOver: false };
    this.#due.set(session, due);
    return due;
  }

  /** Forgets what is due of a session. */
  drop(session: string): void {
    this.#due.delete(session);
  }

  /** Delivers now everything that is due. */
  readonly flush = (): void => {
    this.#stopWaiting();
    for (const session of [...this.#due.keys()]) this.#give(session);
  };

  readonly #takeFrame = (): void => {
    this.#stopWaiting();
    for (const [session, due] of [...this.#due]) this.#give(session, this.#floodOf(due));
    if (this.#due.size > 0) this.#waitForFrame();
  };

  /** Returns the number of waiting bytes above which the chunks of a replay are shown together a little later. */
  #floodOf(due: Due): number {
    // A hidden page has no layout, and its next turn may be a minute away.
    const isHeld = !due.isOver && !isHidden() && performance.now() - due.since < LONGEST_HOLD;
    return isHeld ? due.bytes + FLOOD : Infinity;
  }

  #give(session: string, flood = Infinity): void {
    const due = this.#due.get(session);
    if (!due) return;
    // Chunks that are added during the delivery are due again.
    this.#due.delete(session);
    if (this.#due.size === 0) this.#stopWaiting();
    const last = this.#last;
    this.#last = performance.now();
    const waiting = this.#outlet(session, flood);
    if (waiting === 0) return;
    this.#last = last;
    this.#due.set(session, { ...due, bytes: waiting });
  }

  #waitForFrame(): void {
    this.#cancel ??= nextFrame(this.#takeFrame);
  }

  #stopWaiting(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Stops all deliveries. */
  close(): void {
    this.#stopWaiting();
    this.#due.clear();
    if (this.#rule === "frame") this.#watchPage("removeEventListener");
  }

  /** Delivers at once when the page is hidden or left, because it draws no more frames. */
  #watchPage(change: "addEventListener" | "removeEventListener"): void {
    if (typeof window !== "object" || typeof document !== "object") return;
    window[change]("pagehide", this.flush);
    document[change]("visibilitychange", this.flush);
  }
}

function nextFrame(run: () => void): () => void {
  const isDrawn = typeof requestAnimationFrame === "function";
  const timer = setTimeout(run, !isDrawn ? FRAME : isHidden() ? HIDDEN_INTERVAL : LATEST_FRAME);
  const frame = isDrawn && !isHidden() ? requestAnimationFrame(run) : undefined;
  return () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  };
}

function isHidden(): boolean {
  return typeof document === "object" && document.visibilityState === "hidden";
}
