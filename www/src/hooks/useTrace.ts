// What happened on the network to an answer; renders anew a few times a second while something happens.
import type { Side, Trace } from "../lab/recorder";
import { useStore } from "../store";
import { useChat } from "./useChat";

export function useTrace(side: Side, sessionId: string): Trace {
  const { recorder } = useChat();
  useStore(recorder.version);
  return recorder.trace(side, sessionId);
}
