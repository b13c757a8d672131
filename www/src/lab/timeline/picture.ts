// Computes the shapes of a trace on a time axis, each with a sentence that describes it.
import { BIN_MS, type Bin, type Connection, type End, type MarkKind, type Trace } from "../network/recorder";

export interface Axis {
  /** ms since the epoch at the left and at the right edge. */
  readonly from: number;
  readonly to: number;
  /** px. */
  readonly width: number;
}

/** `x` and `width` in px from the left. */
export type Shape =
  | { readonly kind: "connection"; readonly key: string; readonly x: number; readonly width: number; readonly open: boolean; readonly label: string }
  | { readonly kind: "cut" | "rejoin" | MarkKind; readonly key: string; readonly x: number; readonly label: string };

/** Chunks in a piece of the axis; `height` from 0 to 1. */
export interface Column {
  readonly x: number;
  readonly width: number;
  readonly height: number;
  readonly label: string;
}

export interface Picture {
  readonly shapes: readonly Shape[];
  readonly columns: readonly Column[];
}

const SHORTEST_MS = 2000;
const LONGEST_MS = 90_000;
/** The largest number of columns, because more would be too thin to see. */
const MOST_COLUMNS = 240;

/** Returns the axis for traces, or null if they are empty. */
export function axisOf(traces: readonly Trace[], width: number, now: number): Axis | null {
  const spans = traces.flatMap((trace) => {
    const span = trace.span();
    return span ? [span] : [];
  });
  if (spans.length === 0 || width <= 0) return null;
  const live = traces.some(({ connections }) => connections.some(({ closedAt }) => closedAt === null));
  const last = Math.max(...spans.map(([, end]) => end), live ? now : 0);
  const first = Math.max(Math.min(...spans.map(([start]) => start)), last - LONGEST_MS);
  return { from: first, to: Math.max(last, first + SHORTEST_MS), width };
}

export function pictureOf(trace: Trace, axis: Axis): Picture {
  const visible = trace.connections.filter(({ closedAt }) => (closedAt ?? axis.to) >= axis.from);
  const shapes = [...visible.flatMap((connection) => connectionShapes(connection, axis)), ...markShapes(trace, axis)];
  return { shapes: shapes.toSorted((one, other) => one.x - other.x), columns: columnsOf(trace.bins, axis) };
}

function place(at: number, { from, to, width }: Axis): number {
  return ((Math.min(Math.max(at, from), to) - from) / (to - from)) * width;
}

function connectionShapes(connection: Connection, axis: Axis): Shape[] {
  const { number, kind, openedAt, closedAt, end } = connection;
  const x = place(openedAt, axis);
  const right = place(closedAt ?? axis.to, axis);
  const bar: Shape = { kind: "connection", key: `c${number}`, x, width: Math.max(2, right - x), open: closedAt === null, label: connectionLabel(connection) };
  const shapes: Shape[] = [bar];
  if (kind === "rejoin" && openedAt >= axis.from) shapes.push({ kind: "rejoin", key: `r${number}`, x, label: rejoinLabel(connection) });
  if (end && isLoss(end)) shapes.push({ kind: "cut", key: `x${number}`, x: right, label: ENDS[end] ?? `The backend answered with ${end}` });
  return shapes;
}

function isLoss(end: End): boolean {
  return end === "cut" || end === "cut-short" || end === "refused" || end.startsWith("status");
}

const ENDS: Readonly<Record<string, string>> = {
  cut: "The connection broke",
  "cut-short": "The body ended too early",
  refused: "No network",
};

function connectionLabel({ kind, bytes, openedAt, closedAt, end }: Connection): string {
  const how = end === null ? "open" : end === "ended" ? "ended by the server" : end === "closed" ? "closed by the reader" : (ENDS[end]?.toLowerCase() ?? end);
  const time = closedAt === null ? "" : ` in ${seconds(closedAt - openedAt)}`;
  return `${kind === "send" ? "Message sent" : "Stream joined"}: ${count(bytes, "byte")}${time}, ${how}`;
}

function rejoinLabel({ cursor, openedAt, firstByteAt }: Connection): string {
  const from = cursor && cursor !== "0-0" ? `after ${cursor}` : "from the start";
  return `Rejoined ${from}${firstByteAt === null ? "" : `, first byte after ${firstByteAt - openedAt} ms`}`;
}

/** Merges marks of one kind that would overlap. */
function markShapes({ marks }: Trace, axis: Axis): Shape[] {
  return marks.filter(({ at }) => at >= axis.from).map(({ kind, text, at }, number) => ({ kind, key: `m${number}`, x: place(at, axis), label: text }));
}

function columnsOf(bins: readonly Bin[], axis: Axis): Column[] {
  const step = Math.max(BIN_MS, (axis.to - axis.from) / MOST_COLUMNS);
  const sums = new Map<number, number>();
  for (const { at, chunks } of bins) {
    if (at < axis.from) continue;
    const slot = Math.floor((at - axis.from) / step);
    sums.set(slot, (sums.get(slot) ?? 0) + chunks);
  }
  const most = Math.max(1, ...sums.values());
  const width = Math.max(1, (step / (axis.to - axis.from)) * axis.width - 0.5);
  return [...sums].map(([slot, chunks]) => ({
    x: place(axis.from + slot * step, axis),
    width,
    // The square root keeps a replay of hundreds of chunks from flattening the rest.
    height: Math.sqrt(chunks / most),
    label: `${count(chunks, "chunk")} at ${seconds(slot * step)}`,
  }));
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const numbers = new Intl.NumberFormat("en");

function count(amount: number, what: string): string {
  return `${numbers.format(amount)} ${what}${amount === 1 ? "" : "s"}`;
}
