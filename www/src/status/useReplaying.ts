// Whether what arrives is what this browser had already before its last reload.
import type { ChatStreams } from "rejoin";
import { useEffect, useState } from "react";

/** A replay comes without pauses: after this many ms without a chunk it is over, though nothing newer has come. */
const PAUSE_MS = 400;

export function useReplaying(streams: ChatStreams, sessionId: string): boolean {
  const [replaying, setReplaying] = useState(false);
  useEffect(() => {
    let pause: ReturnType<typeof setTimeout> | undefined;
    const say = (now: boolean) => {
      clearTimeout(pause);
      setReplaying(now);
      if (now) pause = setTimeout(() => setReplaying(false), PAUSE_MS);
    };
    const leave = streams.subscribeToStream(sessionId, {
      onBatch: (chunks) => say(chunks.at(-1)?.replayed === true),
      onStatus: (status) => status !== "streaming" && say(false),
    });
    return () => {
      clearTimeout(pause);
      leave();
    };
  }, [streams, sessionId]);
  return replaying;
}
