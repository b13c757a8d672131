// What the streams of the chat on the page have been through since the page was loaded.
import type { StreamMetrics } from "rejoin";
import { useChat } from "../hooks/useChat";
import { useSnapshot } from "../hooks/useSnapshot";
import { Journal } from "./Journal";

const LABELS: readonly (readonly [keyof StreamMetrics, string])[] = [
  ["bytes", "Bytes"],
  ["chunks", "Chunks delivered"],
  ["reconnects", "Reconnects"],
  ["duplicates", "Duplicates dropped"],
  ["malformed", "Bad frames skipped"],
  ["resets", "Started over"],
];

const numbers = new Intl.NumberFormat("en");

export function Metrics({ sessionId }: { sessionId: string }) {
  const { streams } = useChat();
  // The counters move with the stream, so a new snapshot is the moment to read them.
  const snapshot = useSnapshot(sessionId);
  const metrics = streams.getMetrics(sessionId);
  return (
    <>
      <h3>This chat</h3>
      <dl className="metrics" data-testid="metrics">
        {LABELS.map(([name, label]) => (
          <div key={name}>
            <dt>{label}</dt>
            <dd data-testid={`metric-${name}`}>{numbers.format(metrics[name])}</dd>
          </div>
        ))}
      </dl>
      <Journal snapshot={snapshot} />
    </>
  );
}
