// Stands in for a chat that cannot be shown at all.
import { friendly, type Coded } from "./errors";
import { show } from "../route";
import { PlusIcon, RetryIcon, WarningIcon } from "./icons";

export function Unavailable({ error, onRetry }: { error: Coded; onRetry: () => void }) {
  return (
    <section className="unavailable" role="alert" data-testid="failure">
      <span className="unavailable-sign">
        <WarningIcon />
      </span>
      <h2>This chat can't be shown</h2>
      <p>{friendly(error)}</p>
      <code data-testid="failure-code">{error.code}</code>
      <div className="unavailable-actions">
        <button type="button" className="button" onClick={onRetry} data-testid="retry">
          <RetryIcon />
          Try again
        </button>
        <button type="button" className="button" onClick={() => show(null)}>
          <PlusIcon />
          New chat
        </button>
      </div>
    </section>
  );
}
