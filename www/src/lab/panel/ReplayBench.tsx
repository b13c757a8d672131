// Replays a very long answer at the press of a button, and shows how long that took.
import { useLab } from "../context";
import type { ReplayState } from "./replay";
import { useStore } from "../../store";
import { ReplayIcon } from "../../ui/icons";

const numbers = new Intl.NumberFormat("en");

export function ReplayBench() {
  const { replay } = useLab();
  const state = useStore(replay.state);
  const busy = state.kind === "writing" || state.kind === "replaying";
  return (
    <>
      <h3>Catching up</h3>
      <button type="button" className="button" disabled={busy} onClick={() => void replay.run()} data-testid="replay">
        <ReplayIcon />
        Replay 20,000 chunks
      </button>
      <p className="lab-note" role="status" data-testid="replay-result" data-state={state.kind}>
        {said(state)}
      </p>
    </>
  );
}

function said(state: ReplayState): string {
  switch (state.kind) {
    case "idle":
      return "";
    case "writing":
      return "Having it written…";
    case "replaying":
      return "Joining it from its beginning…";
    case "failed":
      return `It failed: ${state.code}`;
    case "done":
      return (
        `Caught up with ${numbers.format(state.chunks)} chunks in ${numbers.format(state.ms)} ms: ` +
        `${state.smoothness.dropped} frames dropped, the longest took ${state.smoothness.longest} ms. ` +
        `Merged by the server, as after a reload: ${numbers.format(state.compactMs)} ms.`
      );
  }
}
