// Returns the trace of an answer, and renders a few times a second while it changes.
import type { Side, Trace } from "../network/recorder";
import { useStore } from "../../store";
import { useLab } from "../context";

export function useTrace(side: Side, sessionId: string): Trace {
  const { recorder } = useLab();
  useStore(recorder.version);
  return recorder.trace(side, sessionId);
}
