// Shows the counters of the chat's streams since the page was loaded.
import type { StreamMetrics } from "rejoin";
import { useLab } from "../context";
import { useDroppedFrames } from "./useDroppedFrames";
import { useSnapshot } from "../../status/useSnapshot";
import { useTrace } from "../timeline/useTrace";
import { Journal } from "./Journal";

const LABELS: readonly (readonly [keyof StreamMetrics, string])[] = [
  ["bytes", "Bytes"],
  ["chunks", "Chunks delivered"],
  ["reconnects", "Reconnects"],
  ["duplicates", "Duplicates dropped"],
  ["malformed", "Bad frames skipped"],
  ["unknown", "Unknown types kept"],
  ["resets", "Started over"],
];

const numbers = new Intl.NumberFormat("en");

export function Metrics({ sessionId }: { sessionId: string }) {
  const { streams } = useLab();
  // The counters move with the stream, so a new snapshot is the moment to read them.
  const snapshot = useSnapshot(streams, sessionId);
  const metrics = streams.getMetrics(sessionId);
  const { away } = useTrace("rejoin", sessionId);
  const dropped = useDroppedFrames(streams.isStreaming(sessionId));
  return (
    <>
      <h3>This chat</h3>
      <dl className="metrics" data-testid="metrics">
        {LABELS.map(([name, label]) => (
          <Metric key={name} name={name} label={label} value={numbers.format(metrics[name])} />
        ))}
        <Metric name="catch-up" label="Last time to catch up" value={away.length > 0 ? `${numbers.format(away.at(-1) ?? 0)} ms` : "–"} />
        <Metric name="frames" label="Frames dropped" value={numbers.format(dropped)} />
      </dl>
      <Journal snapshot={snapshot} />
    </>
  );
}

function Metric({ name, label, value }: { name: string; label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd data-testid={`metric-${name}`}>{value}</dd>
    </div>
  );
}
