// Returns whether the stream repeats what this browser had received before its last reload.
import type { ChatStreams } from "rejoin";
import { useEffect, useState } from "react";

/** The ms without a chunk after which a replay is over, because it comes without pauses. */
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
