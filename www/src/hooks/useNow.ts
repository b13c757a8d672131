// The time, kept current while someone needs it.
import { useEffect, useState } from "react";

/** ms since the Unix epoch, renewed every `everyMs`; `null` stands still and costs nothing. */
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
