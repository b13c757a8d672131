// Puts the chat on the page.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Chat } from "./chat";
import { ChatContext } from "./hooks/useChat";
import { readOptions } from "./options";
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

const chat = new Chat(readOptions(new URL(location.href)));
createRoot(root).render(
  <StrictMode>
    <ChatContext value={chat}>
      <App />
    </ChatContext>
  </StrictMode>,
);
