"use client";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useActiveTasks } from "rejoin/react";
import type { SessionSummary } from "@/lib/backend";
import { streams } from "@/lib/streams";

/** The list of chats. It marks those with a running answer, whichever tab started it. */
export function Sessions({ sessions }: { sessions: SessionSummary[] }) {
  const path = usePathname();
  const busy = new Set(useActiveTasks(streams).map((task) => task.sessionId));
  return (
    <nav aria-label="Chats">
      <Link href="/">New chat</Link>
      {sessions.map(({ id, title }) => (
        <Link key={id} href={`/chat/${id}`} aria-current={path === `/chat/${id}` ? "page" : undefined}>
          {title ?? "Untitled"} {busy.has(id) && <span className="busy" role="img" aria-label="being answered" />}
        </Link>
      ))}
    </nav>
  );
}
