// Puts the chat on the page.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chats } from "./app/chats";
import { ChatsContext } from "./app/context";
import { LabContext } from "./lab/context";
import { Lab } from "./lab/lab";
import { readOptions } from "./options";
import { Page } from "./Page";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/sidebar.css";
import "./styles/messages.css";
import "./styles/markdown.css";
import "./styles/parts.css";
import "./styles/composer.css";
import "./styles/lab.css";
import "./styles/compare.css";
import "./styles/timeline.css";
import "./styles/turns.css";

const root = document.getElementById("root");
if (!root) throw new Error("The page has no #root");

const { baseUrl, view } = readOptions(new URL(location.href));
const lab = new Lab(baseUrl);
const chats = new Chats(lab.streams, lab.api(), { view, isHidden: (id) => lab.peer.owns(id) });
createRoot(root).render(
  <StrictMode>
    <LabContext value={lab}>
      <ChatsContext value={chats}>
        <Page />
      </ChatsContext>
    </LabContext>
  </StrictMode>,
);
