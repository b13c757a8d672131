// Lays out the page: the list of chats on the left, the chosen chat in the middle, the lab on the right.
import { useCallback, useEffect, useState, type MouseEvent } from "react";
import { Chat } from "./app/Chat";
import { ChatList } from "./app/ChatList";
import { useChats } from "./app/context";
import { NewChat } from "./app/NewChat";
import { useMedia } from "./hooks/useMedia";
import { useLab } from "./lab/context";
import { LabFrame } from "./lab/LabFrame";
import { FaultLab } from "./lab/panel/FaultLab";
import { suggestionsOf } from "./lab/suggestions";
import { route } from "./route";
import { useStore } from "./store";
import { Drawer } from "./ui/Drawer";
import { BoltIcon, MenuIcon } from "./ui/icons";

/** The width from which on the lab has room beside the chat. */
const LAB_BESIDE = "1180px";

export function Page() {
  const selected = useStore(route);
  const lab = useLab();
  const [isListOpen, setListOpen] = useState(false);
  const closeList = useCallback(() => setListOpen(false), []);
  const breaker = useBreaker();
  useFreshChats();
  return (
    <div className="app">
      <a className="skip" href="#main" onClick={skipToMain}>
        Skip to the chat
      </a>
      <Drawer side="left" label="Chats" wideFrom="800px" open={isListOpen} onClose={closeList}>
        <ChatList selected={selected} onChoose={closeList} />
      </Drawer>
      <main id="main" tabIndex={-1}>
        <header className="bar">
          <button type="button" className="round quiet only-narrow" onClick={() => setListOpen(true)} aria-label="Chats" data-testid="open-chats">
            <MenuIcon />
          </button>
          <Title id={selected} />
          <button type="button" className="button break-it" aria-expanded={breaker.isOpen} onClick={breaker.toggle} data-testid="open-lab">
            <BoltIcon />
            Break it
          </button>
        </header>
        {selected === null ? (
          <NewChat suggestions={suggestionsOf(lab)} />
        ) : (
          <Chat key={selected} id={selected} frame={(shown, messages) => <LabFrame id={selected} messages={messages}>{shown}</LabFrame>} />
        )}
      </main>
      <Drawer side="right" label="Break it" wideFrom={LAB_BESIDE} folds open={breaker.isOpen} onClose={breaker.close}>
        <FaultLab sessionId={selected} onClose={breaker.close} />
      </Drawer>
    </div>
  );
}

/** Beside the chat, the lab is open if it was before a reload. Where it would cover the chat, it opens on demand only. */
function useBreaker() {
  const lab = useLab();
  const isKept = useStore(lab.isOpen);
  const isWide = useMedia(`(min-width: ${LAB_BESIDE})`);
  const [isOver, setOver] = useState(false);
  const isOpen = isWide ? isKept : isOver;
  const toggle = () => {
    lab.isOpen.set(!isOpen);
    setOver(!isOpen);
  };
  const close = useCallback(() => {
    if (isWide) lab.isOpen.set(false);
    setOver(false);
  }, [lab, isWide]);
  return { isOpen, toggle, close };
}

/** Moves the focus without following the link, because the address names the chat that is shown. */
function skipToMain(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Title({ id }: { id: string | null }) {
  const { sessions } = useStore(useChats().list);
  const title = sessions?.find((session) => session.id === id)?.title;
  const shown = title || (id === null ? "New chat" : "Chat");
  useEffect(() => {
    document.title = `${shown} · rejoin`;
  }, [shown]);
  return <h1>{shown}</h1>;
}

/** The list of chats is loaded when the page comes up, and whenever the person comes back to it. */
function useFreshChats(): void {
  const chats = useChats();
  useEffect(() => {
    const refresh = () => void chats.refresh();
    refresh();
    addEventListener("focus", refresh);
    addEventListener("online", refresh);
    return () => {
      removeEventListener("focus", refresh);
      removeEventListener("online", refresh);
    };
  }, [chats]);
}
