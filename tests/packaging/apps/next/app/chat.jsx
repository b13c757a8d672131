"use client";
import { useEffect, useState } from "react";
import { createChatStreams } from "rejoin";
import { useChatStream } from "rejoin/react";

const streams = createChatStreams();

export function Chat({ session, request }) {
  const { status, message, send } = useChatStream(streams, session, { resume: true });
  const [isHydrated, setHydrated] = useState(false);
  useEffect(() => setHydrated(true), []);
  return (
    <>
      <button id="send" disabled={!isHydrated} onClick={() => send(request)}>
        send
      </button>
      <p id="status">{status}</p>
      <p id="text">{message?.parts.map((part) => part.text ?? "").join("")}</p>
    </>
  );
}
