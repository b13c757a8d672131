// Lays out the foot of a chat, in line with its messages.
import type { ReactNode } from "react";

export function Footer({ children }: { children: ReactNode }) {
  return (
    <footer className="conversation-footer">
      <div className="conversation-footer-column">{children}</div>
    </footer>
  );
}
