// Shows what went wrong in one sentence, its code, and what the person can do.
import type { ReactNode } from "react";
import { friendly, type Coded } from "./errors";
import { WarningIcon } from "./icons";

export function FailureNote({ error, children }: { error: Coded; children?: ReactNode }) {
  return (
    <div className="failure" role="alert" data-testid="failure">
      <WarningIcon />
      <div className="failure-text">
        <p>{friendly(error)}</p>
        <code data-testid="failure-code">{error.code}</code>
      </div>
      {children}
    </div>
  );
}
