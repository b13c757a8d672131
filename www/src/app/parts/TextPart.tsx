// Shows a text of an answer, rendered or as its source.
import { memo } from "react";
import { Markdown } from "./Markdown";

export const TextPart = memo(function TextPart({ text, view }: { text: string; view: "rendered" | "source" }) {
  return view === "source" ? (
    <div className="source" data-testid="text-source">
      {text}
    </div>
  ) : (
    <div data-testid="text-rendered">
      <Markdown text={text} />
    </div>
  );
});
