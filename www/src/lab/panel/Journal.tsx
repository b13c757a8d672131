// Lists the changes of the stream's status, newest first.
import type { StreamSnapshot, StreamStatus } from "rejoin";
import { useState } from "react";

interface Entry {
  readonly number: number;
  readonly at: number;
  readonly status: StreamStatus;
}

const KEPT = 30;

const WORDS: Readonly<Record<StreamStatus, string>> = {
  idle: "idle",
  connecting: "connecting",
  streaming: "live",
  stalled: "stalled",
  reconnecting: "cut, reconnecting",
  completed: "complete",
  stopped: "stopped",
  error: "failed",
};

export function Journal({ snapshot }: { snapshot: StreamSnapshot }) {
  const entries = useJournal(snapshot.status);
  return (
    <>
      <h3>What happened</h3>
      <ol className="journal" data-testid="journal" tabIndex={0} aria-label="What happened, newest first">
        {entries.map(({ number, at, status }) => (
          <li key={number} className={`journal-${status}`}>
            <time>{clock(at)}</time>
            {WORDS[status]}
          </li>
        ))}
      </ol>
    </>
  );
}

function useJournal(status: StreamStatus): readonly Entry[] {
  const [entries, setEntries] = useState<readonly Entry[]>(() => [{ number: 0, at: Date.now(), status }]);
  const last = entries[0];
  if (last && last.status !== status) {
    setEntries([{ number: last.number + 1, at: Date.now(), status }, ...entries].slice(0, KEPT));
  }
  return entries;
}

function clock(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${Math.floor(date.getMilliseconds() / 100)}`;
}
