// Words the status line, one sentence per state. The countdown is separate, because a screen reader should not read it every second.
import type { StreamSnapshot } from "rejoin";
import { isWaiting, operationOf, toolWords } from "../app/parts/tools";

export interface StatusWords {
  /** The look: a colour, and whether it moves. */
  readonly tone: "quiet" | "live" | "busy" | "warning" | "bad";
  readonly text: string;
}

export interface Circumstances {
  readonly online: boolean;
  readonly replaying: boolean;
  /** The whole seconds until the next attempt, or null if none is due. */
  readonly secondsLeft: number | null;
}

export function statusWords(snapshot: StreamSnapshot, { online, replaying, secondsLeft }: Circumstances): StatusWords {
  switch (snapshot.status) {
    case "idle":
      return { tone: "quiet", text: "Ready" };
    case "connecting":
      return online ? { tone: "busy", text: "Connecting" } : OFFLINE;
    case "streaming":
      return replaying ? { tone: "busy", text: "Replaying what you had" } : live(snapshot);
    case "stalled":
      return { tone: "warning", text: "Nothing heard for a while, looking for the answer" };
    case "reconnecting":
      return online ? reconnecting(secondsLeft) : OFFLINE;
    case "completed":
      return isWaiting(snapshot.message) ? { tone: "busy", text: "Waiting for you" } : { tone: "quiet", text: "Answer complete" };
    case "stopped":
      return { tone: "quiet", text: "Stopped" };
    case "error":
      return { tone: "bad", text: "Failed" };
  }
}

const OFFLINE: StatusWords = { tone: "warning", text: "You are offline. The answer goes on at the server" };

function live(snapshot: StreamSnapshot): StatusWords {
  const operation = operationOf(snapshot.message);
  if (operation) return { tone: "live", text: `Waiting for ${toolWords(operation)}, which runs in the background` };
  return { tone: "live", text: snapshot.role === "follower" ? "Live, through another tab" : "Live" };
}

function reconnecting(secondsLeft: number | null): StatusWords {
  return { tone: "warning", text: secondsLeft ? "Connection lost, reconnecting" : "Connection lost, reconnecting now" };
}
