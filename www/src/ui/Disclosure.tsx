// Folds something away. It is the browser's own <details>, which keyboards and screen readers support.
import { useEffect, useState, type ReactNode } from "react";
import { ChevronIcon } from "./icons";

interface Props {
  readonly icon: ReactNode;
  readonly title: ReactNode;
  /** The state in a word or two, at the end of the line. */
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
