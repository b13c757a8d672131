// Shows the status of the stream in words.
import type { ChatStreams, StreamSnapshot } from "rejoin";
import { useNow } from "../hooks/useNow";
import { useOnline } from "./useOnline";
import { useReplaying } from "./useReplaying";
import { statusWords } from "./words";

const numbers = new Intl.NumberFormat("en");

export function StatusLine({ streams, snapshot }: { streams: ChatStreams; snapshot: StreamSnapshot }) {
  const online = useOnline();
  const replaying = useReplaying(streams, snapshot.sessionId);
  const now = useNow(snapshot.retryAt === undefined ? null : 250);
  const secondsLeft = snapshot.retryAt === undefined ? null : Math.max(0, Math.ceil((snapshot.retryAt - now) / 1000));
  const { tone, text } = statusWords(snapshot, { online, replaying, secondsLeft });
  return (
    <div className={`status status-${tone}`} data-testid="status" data-status={snapshot.status} data-replaying={replaying}>
      <span className="status-dot" aria-hidden="true" />
      <span role="status">{text}</span>
      {online && secondsLeft !== null && secondsLeft > 0 && (
        <span aria-hidden="true" data-testid="countdown">
          in {secondsLeft} s{snapshot.attempt > 1 && ` (try ${snapshot.attempt})`}
        </span>
      )}
      {snapshot.usage && (
        <span className="status-usage" title={`${numbers.format(snapshot.usage.promptTokens)} of the question, ${numbers.format(snapshot.usage.completionTokens)} of the answer`} data-testid="usage">
          {numbers.format(snapshot.usage.totalTokens)} tokens
        </span>
      )}
      {snapshot.error && <code data-testid="status-code">{snapshot.error.code}</code>}
    </div>
  );
}
