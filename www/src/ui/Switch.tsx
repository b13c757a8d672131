// A switch that is on or off.
import type { ReactNode } from "react";

interface Props {
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
  readonly testId: string;
  readonly children: ReactNode;
}

export function Switch({ on, onChange, testId, children }: Props) {
  return (
    <button type="button" role="switch" aria-checked={on} className="switch" onClick={() => onChange(!on)} data-testid={testId}>
      <span className="switch-track" aria-hidden="true" />
      {children}
    </button>
  );
}
