// The fault lab: break the connection of the chat on the page, and see that it does not matter.
import { useChat } from "../hooks/useChat";
import { useNow } from "../hooks/useNow";
import { useStore } from "../store";
import { CutIcon, OfflineIcon, ReloadIcon } from "./icons";
import { Metrics } from "./Metrics";

const OFFLINE_MS = 5000;

export function FaultLab({ sessionId }: { sessionId: string | null }) {
  const { faults } = useChat();
  return (
    <div className="lab">
      <h2>Fault lab</h2>
      <p className="lab-intro">Start an answer, then break something.</p>
      <div className="lab-buttons">
        <button type="button" className="button" onClick={() => faults.cut()} data-testid="fault-cut">
          <CutIcon />
          Cut the connection now
        </button>
        <OfflineButton />
        <button type="button" className="button" onClick={() => location.reload()} data-testid="fault-reload">
          <ReloadIcon />
          Reload the page
        </button>
      </div>
      {sessionId !== null && <Metrics key={sessionId} sessionId={sessionId} />}
    </div>
  );
}

function OfflineButton() {
  const { faults } = useChat();
  const until = useStore(faults.offlineUntil);
  const now = useNow(until === null ? null : 250);
  const left = until === null ? 0 : Math.max(1, Math.ceil((until - now) / 1000));
  return (
    <button
      type="button"
      className="button"
      disabled={until !== null}
      onClick={() => faults.goOffline(OFFLINE_MS)}
      data-testid="fault-offline"
    >
      <OfflineIcon />
      {until === null ? "Go offline for 5 s" : `Offline for ${left} s more`}
    </button>
  );
}
