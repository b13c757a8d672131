// What happened on the network to an answer; renders anew a few times a second while something happens.
import type { Side, Trace } from "../network/recorder";
import { useStore } from "../../store";
import { useLab } from "../context";

export function useTrace(side: Side, sessionId: string): Trace {
  const { recorder } = useLab();
  useStore(recorder.version);
  return recorder.trace(side, sessionId);
}
