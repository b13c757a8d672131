// Lists the chats, newest first.
import { friendly } from "../ui/errors";
import { useChats } from "./context";
import { useNow } from "../hooks/useNow";
import { show } from "../route";
import { useStore } from "../store";
import { Brand } from "../ui/Brand";
import { PlusIcon } from "../ui/icons";
import { ChatItem } from "./ChatItem";

export function ChatList({ selected, onChoose }: { selected: string | null; onChoose: () => void }) {
  const { sessions, error } = useStore(useChats().list);
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
          <ChatItem
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
