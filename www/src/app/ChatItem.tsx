// Shows one chat in the list.
import type { SessionSummary } from "../api";
import { useChats } from "./context";
import { useSnapshot } from "../status/useSnapshot";
import { ago } from "../ui/time";

interface Props {
  readonly session: SessionSummary;
  readonly selected: boolean;
  /** ms since the Unix epoch. */
  readonly now: number;
  readonly onChoose: () => void;
}

export function ChatItem({ session, selected, now, onChoose }: Props) {
  const { streams } = useChats();
  const { status } = useSnapshot(streams, session.id);
  const busy = status === "idle" ? session.is_processing : streams.isStreaming(session.id);
  return (
    <li>
      <button
        type="button"
        className="session"
        aria-current={selected ? "page" : undefined}
        onClick={onChoose}
        data-testid="session"
        data-id={session.id}
      >
        <span className="session-title">{session.title || "New chat"}</span>
        <span className="session-time">
          {busy ? (
            <span className="session-busy">
              <span className="session-dot" aria-hidden="true" />
              answering
            </span>
          ) : (
            ago(Date.parse(session.updated_at), now)
          )}
        </span>
      </button>
    </li>
  );
}
