// The page of an app with a TypeScript layer and handlers like those of many apps: one call per chunk, each of which sets state.
// React renders once per read, but each state change is still computed.

import { useEffect, useState } from "react";
import { typescript } from "../sides.mjs";
import { Answer, show } from "./answer.jsx";

/** The ways in which a piece of text is added to the state: to a list that is joined when it is shown, or to the text itself. */
const WAYS = {
  list: { empty: [], add: (pieces, piece) => [...pieces, piece], text: (pieces) => pieces.join("") },
  text: { empty: "", add: (text, piece) => text + piece, text: (text) => text },
};
const way = WAYS[new URLSearchParams(location.search).get("way")];

function Page() {
  const [streaming, setStreaming] = useState(way.empty);
  const [messages, setMessages] = useState([]);
  useEffect(() => {
    const read = () => fetch("/api/chat/tasks/t1/stream");
    void typescript(read, (chunk) => handle(chunk, setStreaming, setMessages));
  }, []);
  const text = way.text(streaming);
  return <Answer parts={text === "" ? messages : [{ type: "text", text }, ...messages]} />;
}

function handle(chunk, setStreaming, setMessages) {
  switch (chunk.type) {
    case "text_chunk":
      return setStreaming((before) => way.add(before, chunk.content));
    case "tool_call_start":
      return setMessages((before) => [...before, { type: `tool-${chunk.tool_name}`, id: chunk.tool_id, state: "called" }]);
    case "tool_response":
      return setMessages((before) => before.map((message) => (message.id === chunk.tool_id ? { ...message, state: "answered" } : message)));
  }
}

globalThis.begin = () => show(<Page />);
