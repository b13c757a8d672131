// Finishes a background job at the press of a button, in development, where no other service does.
import { useState } from "react";
import { operationOf } from "../../app/parts/tools";
import { useSnapshot } from "../../status/useSnapshot";
import { useStore } from "../../store";
import { CheckIcon } from "../../ui/icons";
import { useLab } from "../context";

export function BackgroundJob({ sessionId }: { sessionId: string }) {
  const { streams, control } = useLab();
  const known = useStore(control);
  const operationId = idOf(operationOf(useSnapshot(streams, sessionId).message)?.output);
  const [state, setState] = useState<"idle" | "asked" | "failed">("idle");
  if (!known || operationId === null) return null;
  const finish = () => {
    setState("asked");
    known.complete(operationId).then(
      () => setState("idle"),
      () => setState("failed"),
    );
  };
  return (
    <button type="button" className="button" onClick={finish} disabled={state === "asked"} data-testid="finish-operation">
      <CheckIcon />
      {state === "failed" ? "Can't finish the job" : "Finish the background job"}
    </button>
  );
}

function idOf(output: unknown): string | null {
  const id = typeof output === "object" && output !== null && "operation_id" in output ? output.operation_id : null;
  return typeof id === "string" ? id : null;
}
