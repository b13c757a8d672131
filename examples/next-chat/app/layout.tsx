import type { Metadata } from "next";
import type { ReactNode } from "react";
import { Sessions } from "@/components/Sessions";
import { listSessions } from "@/lib/backend";
import "./globals.css";

export const metadata: Metadata = { title: "Next chat on rejoin" };
export const dynamic = "force-dynamic";

export default async function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Sessions sessions={await listSessions()} />
        <main>{children}</main>
      </body>
    </html>
  );
}
