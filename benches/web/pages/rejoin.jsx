// The page of an app that uses rejoin. Its task is in the storage, as one that ran before a reload.

import { createChatStreams } from "rejoin";
import { useChatStream } from "rejoin/react";
import { Answer, show } from "./answer.jsx";

function Page({ streams }) {
  const { message } = useChatStream(streams, "s", { resume: true });
  return <Answer parts={message?.parts ?? []} />;
}

/** With the whole log, as from any backend, or with what our server makes of it where `compact=1` is asked for. */
const isCompact = new URLSearchParams(location.search).has("compact");
const whole = (url, init) => fetch(`${url}&full`, init);

globalThis.begin = () => show(<Page streams={createChatStreams(isCompact ? {} : { fetch: whole })} />);
