// Shows the model's reasoning, folded away.
import type { ReasoningUIPart } from "rejoin";
import { memo } from "react";
import { Disclosure } from "../../ui/Disclosure";
import { ThoughtIcon } from "../../ui/icons";

export const Reasoning = memo(function Reasoning({ part, growing }: { part: ReasoningUIPart; growing: boolean }) {
  const thinking = growing && part.state === "streaming";
  return (
    <Disclosure
      icon={<ThoughtIcon />}
      title={thinking ? "Thinking…" : "Thought about it"}
      kind={thinking ? "running" : "done"}
      testId="reasoning"
    >
      <p className="reasoning-text">{part.text}</p>
    </Disclosure>
  );
});
