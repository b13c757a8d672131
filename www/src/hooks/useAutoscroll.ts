// Keeps the newest text in sight until the reader scrolls away, and again once the reader is back at the end.
import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

/** The distance from the end, in CSS px, that still counts as the end. */
const NEAR = 40;

export interface Autoscroll {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  /** Whether the reader has scrolled away from the end. */
  readonly away: boolean;
  readonly toEnd: () => void;
}

export function useAutoscroll(): Autoscroll {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [away, setAway] = useState(false);

  const toEnd = useCallback(() => {
    following.current = true;
    setAway(false);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);

  useEffect(() => {
    const box = scroller.current;
    if (!box || !content.current) return;
    let top = box.scrollTop;
    const onScroll = () => {
      const movedUp = box.scrollTop < top;
      top = box.scrollTop;
      // Growing text moves the end away, too. Only a reader who scrolls up leaves it.
      if (distance(box) <= NEAR) following.current = true;
      else if (movedUp) following.current = false;
      setAway(!following.current);
    };
    const observer = new ResizeObserver(() => following.current && box.scrollTo({ top: box.scrollHeight }));
    observer.observe(content.current);
    observer.observe(box);
    box.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, []);

  return { scroller, content, away, toEnd };
}

function distance(box: HTMLElement): number {
  return box.scrollHeight - box.clientHeight - box.scrollTop;
}
