// Before the first message: what this is, and things to try.
import { useState } from "react";
import { coded, type Coded } from "../errors";
import { useChat } from "../hooks/useChat";
import { show } from "../route";
import { Composer } from "./Composer";
import { FailureNote } from "./FailureNote";
import { Footer } from "./Footer";
import { RetryIcon } from "./icons";

/** What to try, with the demo agent's directives (SERVER.md). */
const SUGGESTIONS: readonly Suggestion[] = [
  { title: "Side by side", text: "Cut this one, and compare. /tokens 300 /rate 40 /blocks 4", compare: true },
  { title: "A normal answer", text: "How does a stream survive a cut?" },
  { title: "Thought and tools", text: "Look it up. /reasoning /tool search /tool weather /tokens 160 /rate 40" },
  { title: "Scripts and emoji", text: "Every alphabet, please. /unicode /tokens 120 /rate 30" },
  { title: "A job in the background", text: "Make the report. /operation nightly_report /tokens 60 /rate 40" },
  { title: "An error", text: "Fail half-way. /tokens 80 /rate 60 /error MODEL_OVERLOADED" },
];

interface Suggestion {
  readonly title: string;
  readonly text: string;
  /** Also ask a plain reader, and show both. */
  readonly compare?: boolean;
}

/** What a person would say; the rest tells the demo agent what to do. */
function sentence(text: string): string {
  return text.replace(/ \/.*$/, "");
}

export function NewChat() {
  const chat = useChat();
  const [starting, setStarting] = useState(false);
  /** What did not begin: nothing that a person wrote is lost. */
  const [failed, setFailed] = useState<{ readonly error: Coded; readonly text: string; readonly files: readonly File[] } | null>(null);

  const start = async (text: string, files: readonly File[] = [], compare = false) => {
    if (compare) chat.compare.set(true);
    setStarting(true);
    setFailed(null);
    try {
      const id = await chat.createSession();
      void chat.send(id, files.length > 0 ? { text, files } : text);
      show(id);
      void chat.refreshSessions();
    } catch (problem) {
      setFailed({ error: coded(problem), text, files });
      setStarting(false);
    }
  };

  return (
    <section className="conversation" aria-label="New chat" data-testid="new-chat-page">
      <div className="welcome">
        <div className="welcome-column">
          <h2>Ask, then pull the plug.</h2>
          <p>Cut the connection in the middle of an answer, go offline, reload the page. The answer arrives whole, once.</p>
          <ul className="suggestions">
            {SUGGESTIONS.map(({ title, text, compare = false }) => (
              <li key={title}>
                <button type="button" onClick={() => void start(text, [], compare)} disabled={starting} data-testid={compare ? "suggest-compare" : undefined}>
                  <strong>{title}</strong>
                  <span>{sentence(text)}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      </div>
      <Footer>
        {failed && (
          <FailureNote error={failed.error}>
            <button type="button" className="button" onClick={() => void start(failed.text, failed.files)} data-testid="retry">
              <RetryIcon />
              Try again
            </button>
          </FailureNote>
        )}
        <Composer streaming={false} disabled={starting} onSend={(text, files) => void start(text, files)} />
      </Footer>
    </section>
  );
}
