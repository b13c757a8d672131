// Counts the frames that were dropped while something was streamed.
import { useEffect, useState } from "react";
import { FrameMeter } from "./frames";

const READ_MS = 500;

export function useDroppedFrames(streaming: boolean): number {
  const [meter] = useState(() => new FrameMeter());
  const [dropped, setDropped] = useState(0);
  useEffect(() => {
    if (!streaming) return;
    meter.start();
    const timer = setInterval(() => setDropped(meter.read().dropped), READ_MS);
    return () => {
      clearInterval(timer);
      setDropped(meter.stop().dropped);
    };
  }, [meter, streaming]);
  return dropped;
}
