// Something folded that opens: the browser's own <details>, so keyboard and screen readers know it.
import type { ReactNode } from "react";
import { ChevronIcon } from "./icons";

interface Props {
  readonly icon: ReactNode;
  readonly title: ReactNode;
  /** A word or two at the end of the line: how it stands. */
  readonly note?: ReactNode;
  readonly kind: string;
  readonly testId: string;
  readonly children: ReactNode;
}

export function Disclosure({ icon, title, note, kind, testId, children }: Props) {
  return (
    <details className={`disclosure disclosure-${kind}`} data-testid={testId} data-state={kind}>
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
