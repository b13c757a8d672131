// What the status line says. One sentence per state; the countdown is apart, because a screen reader shall not hear it tick.
import type { StreamSnapshot } from "rejoin";
import { isWaiting, operationOf, toolWords } from "../app/parts/tools";

export interface StatusWords {
  /** Names the look: a colour and whether it moves. */
  readonly tone: "quiet" | "live" | "busy" | "warning" | "bad";
  readonly text: string;
}

export interface Circumstances {
  readonly online: boolean;
  readonly replaying: boolean;
  /** Whole seconds until the next try, or null where none is due. */
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
