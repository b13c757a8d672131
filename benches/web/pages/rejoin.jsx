// The page of an app that uses rejoin. Its task is in the storage, as one that ran before a reload.

import { createChatStreams } from "rejoin";
import { useChatStream } from "rejoin/react";
import { Answer, show } from "./answer.jsx";

function Page({ streams }) {
  const { message } = useChatStream(streams, "s", { resume: true });
  return <Answer parts={message?.parts ?? []} />;
}

globalThis.begin = () => show(<Page streams={createChatStreams()} />);
