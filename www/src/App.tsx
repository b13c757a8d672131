// The page: chats to the left, the chosen one in the middle, the fault lab to the right.
import { useCallback, useEffect, useState, type MouseEvent } from "react";
import { Conversation } from "./components/Conversation";
import { Drawer } from "./components/Drawer";
import { FaultLab } from "./components/FaultLab";
import { LabIcon, MenuIcon } from "./components/icons";
import { NewChat } from "./components/NewChat";
import { Sidebar } from "./components/Sidebar";
import { useChat } from "./hooks/useChat";
import { route } from "./route";
import { useStore } from "./store";

type Panel = "chats" | "lab" | null;

export function App() {
  const selected = useStore(route);
  const [panel, setPanel] = useState<Panel>(null);
  const close = useCallback(() => setPanel(null), []);
  useFreshSessions();
  return (
    <div className="app">
      <a className="skip" href="#main" onClick={skipToMain}>
        Skip to the chat
      </a>
      <Drawer side="left" label="Chats" wideFrom="800px" open={panel === "chats"} onClose={close}>
        <Sidebar selected={selected} onChoose={close} />
      </Drawer>
      <main id="main" tabIndex={-1}>
        <header className="bar">
          <button type="button" className="round quiet only-narrow" onClick={() => setPanel("chats")} aria-label="Chats" data-testid="open-chats">
            <MenuIcon />
          </button>
          <Title id={selected} />
          <button type="button" className="round quiet only-medium" onClick={() => setPanel("lab")} aria-label="Fault lab" data-testid="open-lab">
            <LabIcon />
          </button>
        </header>
        {selected === null ? <NewChat /> : <Conversation key={selected} id={selected} />}
      </main>
      <Drawer side="right" label="Fault lab" wideFrom="1180px" open={panel === "lab"} onClose={close}>
        <FaultLab sessionId={selected} />
      </Drawer>
    </div>
  );
}

/** The address names the chat that is shown, so the link must not write itself there. */
function skipToMain(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Title({ id }: { id: string | null }) {
  const { sessions } = useStore(useChat().sessions);
  const title = sessions?.find((session) => session.id === id)?.title;
  const shown = title || (id === null ? "New chat" : "Chat");
  useEffect(() => {
    document.title = `${shown} · rejoin`;
  }, [shown]);
  return <h1>{shown}</h1>;
}

/** The list of chats is asked for when the page comes up, and whenever the person comes back to it. */
function useFreshSessions(): void {
  const chat = useChat();
  useEffect(() => {
    const refresh = () => void chat.refreshSessions();
    refresh();
    addEventListener("focus", refresh);
    addEventListener("online", refresh);
    return () => {
      removeEventListener("focus", refresh);
      removeEventListener("online", refresh);
    };
  }, [chat]);
}
