import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./Chat";
import { openSession } from "./session";

const root = createRoot(document.getElementById("root") as HTMLElement);
openSession().then(
  (id) => root.render(<StrictMode><Chat id={id} /></StrictMode>),
  () => root.render(<p role="alert">The server did not answer. Is rejoin-server running?</p>),
);
