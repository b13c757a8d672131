// A server component that uses the package while it renders, and a client component that streams.
import { init, normalizeStreamChunk } from "rejoin";
import { Chat } from "./chat";

export default async function Page({ searchParams }) {
  const { session, message } = await searchParams;
  await init();
  const { content } = normalizeStreamChunk({ type: "text-delta", id: "0", delta: "normalised on the server" });
  return (
    <>
      <p id="server">{content}</p>
      <Chat session={session} request={message} />
    </>
  );
}
