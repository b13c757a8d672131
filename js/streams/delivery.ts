/** When chunks are handed out: once per animation frame, or as they come. */

import { Urgency } from "../loader/generated.js";
import { nextTask } from "./task.js";

/** While no frame is drawn (hidden, covered, scrolled away) chunks still arrive this often, in ms. */
const HIDDEN_INTERVAL = 50;
/** A frame that has not come by then will not: engines draw nothing for frames of pages out of sight. */
const LATEST_FRAME = 250;
/** Where nothing is ever drawn. */
const FRAME = 16;
/** So many bytes of chunks come between two frames of a replay, and not of a stream that is written while it is read. */
const FLOOD = 16 * 1024;
/** So long a replay is shown in one piece if it can be, in ms: each frame with a part of it delays the rest by its layout. */
const LONGEST_HOLD = 100;

/** Hands out the chunks of a session, unless `flood` bytes of them wait; gives how many bytes it left to wait. */
export type Outlet = (session: string, flood: number) => number;

/** Since when a session is due, how much of it waited before the last frame, and whether more of it is to come. */
interface Due {
  readonly since: number;
  bytes: number;
  isOver: boolean;
}

/** Collects the sessions that have something, and delivers each when it is time. */
export class Delivery {
  readonly #rule: "frame" | "immediate";
  readonly #outlet: Outlet;
  readonly #due = new Map<string, Due>();
  #cancel: (() => void) | undefined;
  /** When chunks were handed out last. */
  #last = -Infinity;

  constructor(rule: "frame" | "immediate", outlet: Outlet) {
    this.#rule = rule;
    this.#outlet = outlet;
    if (rule === "frame") this.#watchPage("addEventListener");
  }

  /** Chunks wait. Never delivers before it returns. */
  add(session: string, urgency: Urgency): void {
    const due = this.#dueOf(session);
    if (urgency === Urgency.Now || this.#rule === "immediate") return queueMicrotask(() => this.#give(session));
    due.isOver ||= urgency === Urgency.Soon;
    // Two in one frame would be more than was promised.
    const mayComeSoon = performance.now() - this.#last > HIDDEN_INTERVAL;
    if (due.isOver && mayComeSoon) void nextTask().then(() => this.#give(session));
    else this.#waitForFrame();
  }

  #dueOf(session: string): Due {
    const due = this.#due.get(session) ?? { since: performance.now(), bytes: 0, isOver: false };
    this.#due.set(session, due);
    return due;
  }

  /** Nothing of this session is due any more. */
  drop(session: string): void {
    this.#due.delete(session);
  }

  /** Delivers now what is due. */
  readonly flush = (): void => {
    this.#stopWaiting();
    for (const session of [...this.#due.keys()]) this.#give(session);
  };

  readonly #takeFrame = (): void => {
    this.#stopWaiting();
    for (const [session, due] of [...this.#due]) this.#give(session, this.#floodOf(due));
    if (this.#due.size > 0) this.#waitForFrame();
  };

  /** So many bytes that wait are still coming fast: they are shown in one piece a little later. */
  #floodOf(due: Due): number {
    // Nothing is laid out of a hidden page, and its next turn may be a minute away.
    const isHeld = !due.isOver && !isHidden() && performance.now() - due.since < LONGEST_HOLD;
    return isHeld ? due.bytes + FLOOD : Infinity;
  }

  #give(session: string, flood = Infinity): void {
    const due = this.#due.get(session);
    if (!due) return;
    // What is added from within is due anew.
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

  /** Delivers nothing any more. */
  close(): void {
    this.#stopWaiting();
    this.#due.clear();
    if (this.#rule === "frame") this.#watchPage("removeEventListener");
  }

  /** A page that is hidden or left draws no more frames; what waits for one would wait for ever. */
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
