// A job that runs in the background: nobody knows how far it is, so the bar says that it goes on and the clock for how long.
import { useState } from "react";
import { useChat } from "../hooks/useChat";
import { useNow } from "../hooks/useNow";
import { useStore } from "../store";
import { CheckIcon } from "./icons";

export function OperationProgress({ output }: { output: unknown }) {
  const [since] = useState(Date.now);
  const now = useNow(1000);
  return (
    <div className="operation" data-testid="operation">
      <progress aria-label="Runs in the background" />
      <span className="operation-clock" aria-hidden="true">
        watched for {Math.max(0, Math.floor((now - since) / 1000))} s
      </span>
      <FinishButton operationId={idOf(output)} />
    </div>
  );
}

/** In development one is the service that runs the job, too. */
function FinishButton({ operationId }: { operationId: string | null }) {
  const control = useStore(useChat().control);
  const [state, setState] = useState<"idle" | "asked" | "failed">("idle");
  if (!control || operationId === null) return null;
  const finish = () => {
    setState("asked");
    control.complete(operationId).catch(() => setState("failed"));
  };
  return (
    <button type="button" className="button" onClick={finish} disabled={state === "asked"} data-testid="finish-operation">
      <CheckIcon />
      {state === "failed" ? "Can't finish it" : "Finish the job"}
    </button>
  );
}

function idOf(output: unknown): string | null {
  const id = typeof output === "object" && output !== null && "operation_id" in output ? output.operation_id : null;
  return typeof id === "string" ? id : null;
}
