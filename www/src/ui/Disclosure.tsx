// Something folded that opens: the browser's own <details>, so keyboard and screen readers know it.
import { useEffect, useState, type ReactNode } from "react";
import { ChevronIcon } from "./icons";

interface Props {
  readonly icon: ReactNode;
  readonly title: ReactNode;
  /** A word or two at the end of the line: how it stands. */
  readonly note?: ReactNode;
  readonly kind: string;
  readonly testId: string;
  /** Opens it when this becomes true; the reader may close it. */
  readonly startsOpen?: boolean;
  readonly children: ReactNode;
}

export function Disclosure({ icon, title, note, kind, testId, startsOpen = false, children }: Props) {
  const [open, setOpen] = useState(startsOpen);
  useEffect(() => {
    if (startsOpen) setOpen(true);
  }, [startsOpen]);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)} className={`disclosure disclosure-${kind}`} data-testid={testId} data-state={kind}>
      <summary>
        {icon}
        <span className="disclosure-title">{title}</span>
        {note && <span className="disclosure-note">{note}</span>}
        <span className="disclosure-arrow">
          <ChevronIcon />
        </span>
      </summary>
      <div className="disclosure-body">{children}</div>
    </details>
  );
}
