/** When chunks are handed out: once per animation frame, or as they come. */

/** While no frame is drawn (hidden, covered, scrolled away) chunks still arrive this often, in ms. */
const HIDDEN_INTERVAL = 50;
/** A frame that has not come by then will not: engines draw nothing for frames of pages out of sight. */
const LATEST_FRAME = 250;
/** Where nothing is ever drawn. */
const FRAME = 16;

/** Collects the sessions that have something, and calls `deliver` for each when it is time. */
export class Delivery {
  readonly #rule: "frame" | "immediate";
  readonly #deliver: (session: string) => void;
  readonly #due = new Set<string>();
  #cancel: (() => void) | undefined;

  constructor(rule: "frame" | "immediate", deliver: (session: string) => void) {
    this.#rule = rule;
    this.#deliver = deliver;
    if (rule === "frame") this.#watchPage("addEventListener");
  }

  /** Chunks wait; `urgent`: they should not wait for a frame. Never delivers before it returns. */
  add(session: string, urgent: boolean): void {
    this.#due.add(session);
    if (urgent || this.#rule === "immediate") return queueMicrotask(() => this.#give(session));
    this.#cancel ??= nextFrame(this.flush);
  }

  /** Nothing of this session is due any more. */
  drop(session: string): void {
    this.#due.delete(session);
  }

  /** Delivers now what is due. */
  readonly flush = (): void => {
    this.#stopWaiting();
    for (const session of [...this.#due]) this.#give(session);
  };

  #give(session: string): void {
    if (!this.#due.delete(session)) return;
    if (this.#due.size === 0) this.#stopWaiting();
    this.#deliver(session);
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
  const isHidden = isDrawn && typeof document === "object" && document.visibilityState === "hidden";
  const timer = setTimeout(run, isHidden ? HIDDEN_INTERVAL : isDrawn ? LATEST_FRAME : FRAME);
  const frame = isDrawn && !isHidden ? requestAnimationFrame(run) : undefined;
  return () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  };
}
