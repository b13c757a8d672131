"use client";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { createSession, streams } from "@/lib/streams";
import { Composer } from "./Composer";

export function NewChat() {
  const router = useRouter();
  const [failure, setFailure] = useState<string>();

  async function start(text: string) {
    try {
      const id = await createSession();
      // The page changes as soon as the backend has the message. The answer continues in the page's client, and the chat shows it.
      const open = () => {
        router.push(`/chat/${id}`);
        router.refresh();
      };
      const { error } = await streams.startStream(id, text, { onStatus: (status) => status === "streaming" && open() });
      setFailure(error?.message);
    } catch (error) {
      setFailure((error as Error).message);
    }
  }

  return (
    <>
      <h1>What would you like to know?</h1>
      {failure && <p role="alert">{failure}</p>}
      <Composer onSend={start} />
    </>
  );
}
