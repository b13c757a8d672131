// Shows a tool call: its name and stage, and its input and output when it is opened.
import { memo } from "react";
import { isOperation, stageOf, toolWords, type Stage, type ToolPart } from "./tools";
import { Disclosure } from "../../ui/Disclosure";
import { ToolIcon } from "../../ui/icons";
import { Json } from "./Json";
import { OperationProgress } from "./OperationProgress";

export const ToolCall = memo(function ToolCall({ part, growing }: { part: ToolPart; growing: boolean }) {
  const stage = stageOf(part, growing);
  return (
    <Disclosure icon={<ToolIcon />} title={toolWords(part)} note={WORDS[stage]} kind={stage} startsOpen={stage === "operation"} testId="tool-call">
      {stage === "operation" && (
        <>
          <p className="tool-waiting">{waitingFor(part.output)}</p>
          <OperationProgress />
        </>
      )}
      <Json label="Input" value={part.state === "input-streaming" ? (part.rawInput ?? part.input) : part.input} />
      {part.output !== undefined && <Json label="Output" value={part.output} />}
      {part.errorText !== undefined && <Json label="Error" value={part.errorText} />}
    </Disclosure>
  );
});

const WORDS: Readonly<Record<Stage, string>> = {
  writing: "preparing…",
  running: "running…",
  asking: "asks you",
  operation: "runs in the background…",
  done: "done",
  failed: "failed",
  unfinished: "not finished",
};

function waitingFor(output: unknown): string {
  const said = isOperation(output) && typeof output.message === "string" ? output.message : "This takes a while.";
  return `${said} The answer goes on when it is done, also if you close the page.`;
}
