// Suggests what to try. The person sees a sentence, and the demo agent finds its directives in the metadata (SERVER.md).
import type { Suggestion } from "../app/NewChat";
import type { Lab } from "./lab";

function suggestion(title: string, text: string, directives?: string): Suggestion {
  return { title, input: directives === undefined ? { text } : { text, metadata: { directives } } };
}

export function suggestionsOf(lab: Lab): readonly Suggestion[] {
  return [
    {
      ...suggestion("Side by side", "How does an answer survive a cut connection?", "/rate 40 /blocks 2"),
      testId: "suggest-compare",
      prepare: () => {
        lab.compare.set(true);
        lab.isOpen.set(true);
      },
    },
    suggestion("A long answer", "What happens to you when my train enters a tunnel?"),
    suggestion("Thought and tools", "Look up how often streams break.", "/reasoning /tool search /tool statistics /rate 40"),
    suggestion("A tool of this page", "What time is it where I am?", "/client-tool clock"),
    suggestion("Needs your approval", "Book the earlier train for me.", "/approve book_ticket"),
    suggestion("Every script", "Say hello in every script that you know.", "/unicode /rate 20"),
    suggestion("A job in the background", "Prepare tonight's report.", "/operation nightly_report /rate 40"),
    suggestion("Something goes wrong", "Fail half-way through, please.", "/tokens 80 /rate 60 /error MODEL_OVERLOADED"),
  ];
}
