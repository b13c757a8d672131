// The page of an app that uses rejoin. The storage has its task, which was running before a reload.

import { createChatStreams } from "rejoin";
import { useChatStream } from "rejoin/react";
import { Answer, show } from "./answer.jsx";

function Page({ streams }) {
  const { message } = useChatStream(streams, "s", { resume: true });
  return <Answer parts={message?.parts ?? []} />;
}

/** Reads the whole log, as from any backend, or the merged one that our server sends for `compact=1`. */
const isCompact = new URLSearchParams(location.search).has("compact");
const whole = (url, init) => fetch(`${url}&full`, init);

globalThis.begin = () => show(<Page streams={createChatStreams(isCompact ? {} : { fetch: whole })} />);
