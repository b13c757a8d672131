// The list of chats, newest first.
import { friendly } from "../errors";
import { useChat } from "../hooks/useChat";
import { useNow } from "../hooks/useNow";
import { show } from "../route";
import { useStore } from "../store";
import { Brand } from "./Brand";
import { PlusIcon } from "./icons";
import { SessionItem } from "./SessionItem";

export function Sidebar({ selected, onChoose }: { selected: string | null; onChoose: () => void }) {
  const { sessions, error } = useStore(useChat().sessions);
  const now = useNow(60_000);
  const choose = (id: string | null) => {
    show(id);
    onChoose();
  };
  return (
    <div className="sidebar">
      <Brand />
      <button type="button" className="button new-chat" onClick={() => choose(null)} data-testid="new-chat">
        <PlusIcon />
        New chat
      </button>
      {error && (
        <p className="sidebar-note" data-testid="sidebar-error">
          {friendly(error)} <code>{error.code}</code>
        </p>
      )}
      {sessions === null && !error && <p className="sidebar-note">Loading…</p>}
      {sessions?.length === 0 && <p className="sidebar-note">No chats yet.</p>}
      <ul className="sessions" data-testid="sessions">
        {sessions?.map((session) => (
          <SessionItem
            key={session.id}
            session={session}
            selected={session.id === selected}
            now={now}
            onChoose={() => choose(session.id)}
          />
        ))}
      </ul>
    </div>
  );
}
