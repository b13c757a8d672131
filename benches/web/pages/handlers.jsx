// The page of an app that has a TypeScript layer of its own, with the handlers that such apps have: one call per chunk,
// each of which sets state. React puts the calls of one read together; what each does to the state is still done.

import { useEffect, useState } from "react";
import { typescript } from "../sides.mjs";
import { Answer, show } from "./answer.jsx";

/** How a piece of text gets into the state: as one more of a list that is joined when it is shown, or appended. */
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
