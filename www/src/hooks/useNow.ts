// Returns the time, and keeps it current while something shows it.
import { useEffect, useState } from "react";

/** Returns the ms since the Unix epoch, renewed every `everyMs`. With `null` it is not renewed, which costs nothing. */
export function useNow(everyMs: number | null): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (everyMs === null) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
