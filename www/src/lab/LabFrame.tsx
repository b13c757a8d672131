// Frames the messages of a chat with the other reader beside them, the verdict on both, and the timeline.
import type { UIMessage } from "rejoin";
import { useEffect, type ReactNode } from "react";
import { useSnapshot } from "../status/useSnapshot";
import { useStore } from "../store";
import { useLab } from "./context";
import { OwnVerdict } from "./peer/OwnVerdict";
import { PeerPane } from "./peer/PeerPane";
import { Timeline } from "./timeline/Timeline";

interface Props {
  readonly id: string;
  readonly messages: readonly UIMessage[];
  /** The messages as they are shown. */
  readonly children: ReactNode;
}

export function LabFrame({ id, messages, children }: Props) {
  const lab = useLab();
  const isComparing = useStore(lab.compare);
  const isOpen = useStore(lab.isOpen);
  const snapshot = useSnapshot(lab.streams, id);
  useEffect(() => lab.watch(id), [lab, id]);
  const last = messages.at(-1);
  return (
    <>
      <div className="panes" data-comparing={isComparing}>
        <div className="pane">
          {isComparing && <h2 className="pane-title">rejoin</h2>}
          {children}
          {isComparing && <OwnVerdict snapshot={snapshot} shown={last?.role === "assistant" ? last : null} />}
        </div>
        {isComparing && <PeerPane chatId={id} />}
      </div>
      {(isOpen || isComparing) && <Timeline chatId={id} live={lab.streams.isStreaming(id) || isComparing} owner={snapshot.role === "owner"} />}
    </>
  );
}
