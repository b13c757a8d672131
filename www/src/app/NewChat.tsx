// Shows what the demo is and what to try, before the first message.
import type { ConversationInput } from "rejoin";
import { FailureNote } from "../ui/FailureNote";
import { Footer } from "../ui/Footer";
import { RetryIcon } from "../ui/icons";
import { Composer } from "./Composer";
import { useNewChat } from "./useNewChat";

export interface Suggestion {
  readonly title: string;
  readonly input: ConversationInput & { readonly text: string };
  readonly testId?: string;
  /** Called before the message is sent. */
  readonly prepare?: () => void;
}

export function NewChat({ suggestions }: { suggestions: readonly Suggestion[] }) {
  const { isStarting, failed, start } = useNewChat();
  return (
    <section className="conversation" aria-label="New chat" data-testid="new-chat-page">
      <div className="welcome">
        <div className="welcome-column">
          <h2>Ask, then pull the plug.</h2>
          <p>Cut the connection in the middle of an answer, go offline, reload the page. The answer arrives whole, once.</p>
          <ul className="suggestions">
            {suggestions.map(({ title, input, testId, prepare }) => (
              <li key={title}>
                <button
                  type="button"
                  onClick={() => {
                    prepare?.();
                    void start(input);
                  }}
                  disabled={isStarting}
                  data-testid={testId}
                >
                  <strong>{title}</strong>
                  <span>{input.text}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      </div>
      <Footer>
        {failed && (
          <FailureNote error={failed.error}>
            <button type="button" className="button" onClick={() => void start(failed.input)} data-testid="retry">
              <RetryIcon />
              Try again
            </button>
          </FailureNote>
        )}
        <Composer isRunning={false} disabled={isStarting} onSend={(input) => void start(input)} />
      </Footer>
    </section>
  );
}
