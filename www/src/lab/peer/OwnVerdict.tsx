// Shows the verdict on this chat's last answer, for the comparison.
import type { StreamSnapshot, UIMessage } from "rejoin";
import { useStored } from "./useStored";
import type { Shown } from "./judgement";
import { Verdict } from "./Verdict";

const CLAIMS: Readonly<Record<StreamSnapshot["status"], Shown["claim"] | null>> = {
  idle: null,
  connecting: "writing",
  streaming: "writing",
  stalled: "writing",
  reconnecting: "writing",
  completed: "complete",
  stopped: "complete",
  error: "failed",
};

export function OwnVerdict({ snapshot, shown }: { snapshot: StreamSnapshot; shown: UIMessage | null }) {
  const claim = CLAIMS[snapshot.status];
  const ended = claim === "complete" || claim === "failed";
  const stored = useStored(ended ? snapshot.sessionId : null, "last", `${claim} ${shown?.id}`);
  if (claim === null || !shown) return null;
  const text = shown.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return (
    <div className="pane-foot">
      <Verdict shown={{ text, claim }} stored={stored} testId="own-verdict" />
    </div>
  );
}
