// Shows a job that runs in the background. Its progress is unknown, so that the bar only says that it runs, and the clock for how long.
import { useState } from "react";
import { useNow } from "../../hooks/useNow";

export function OperationProgress() {
  const [since] = useState(Date.now);
  const now = useNow(1000);
  return (
    <div className="operation" data-testid="operation">
      <progress aria-label="Runs in the background" />
      <span className="operation-clock" aria-hidden="true">
        watched for {Math.max(0, Math.floor((now - since) / 1000))} s
      </span>
    </div>
  );
}
