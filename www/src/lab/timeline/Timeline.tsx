// Draws a stream: when it was connected, when chunks came, where it was cut and where it was joined again.
import { useState, type KeyboardEvent } from "react";
import { useLab } from "../context";
import { useNow } from "../../hooks/useNow";
import { useTrace } from "./useTrace";
import { useWidth } from "./useWidth";
import { axisOf, pictureOf, seconds, type Axis, type Picture } from "./picture";
import { PEER_NAMES } from "../peer/PeerPane";
import type { Trace } from "../network/recorder";
import { keptStore, useStore } from "../../store";
import { PulseIcon } from "../../ui/icons";
import { Lane, LANE_HEIGHT } from "./Lane";

const shown = keptStore("rejoin_demo_timeline", matchMedia("(min-width: 800px) and (min-height: 640px)").matches);
const AXIS_HEIGHT = 16;
const TICKS = 4;

export function Timeline({ chatId, live, owner }: { chatId: string; live: boolean; owner: boolean }) {
  const open = useStore(shown);
  const trace = useTrace("rejoin", chatId);
  const peerId = usePeerSession(chatId);
  return (
    <section className="timeline" aria-label="Timeline of the stream" data-testid="timeline">
      <div className="timeline-head">
        <button type="button" className="quiet timeline-toggle" aria-expanded={open} onClick={() => shown.set(!open)} data-testid="timeline-toggle">
          <PulseIcon />
          Timeline
        </button>
        {open && (
          <span className="timeline-facts" data-testid="timeline-facts">
            {owner ? "this tab owns the connection" : "through another tab"}
            {trace.cursor && (
              <>
                {" · cursor "}
                <code data-testid="cursor">{trace.cursor}</code>
              </>
            )}
          </span>
        )}
      </div>
      {open && <Lanes own={trace} peerId={peerId} chatId={chatId} live={live} />}
    </section>
  );
}

function usePeerSession(chatId: string): string | null {
  const { compare, peer } = useLab();
  const answer = useStore(peer.answer(chatId));
  return useStore(compare) ? (answer?.sessionId ?? null) : null;
}

interface LanesProps {
  readonly own: Trace;
  readonly peerId: string | null;
  readonly chatId: string;
  readonly live: boolean;
}

function Lanes({ own, peerId, chatId, live }: LanesProps) {
  const [box, width] = useWidth();
  const peer = useTrace("peer", peerId ?? chatId);
  const now = useNow(live ? 200 : null);
  const [told, setTold] = useState<string | null>(null);
  const { by } = useStore(useLab().peer.answer(chatId)) ?? {};
  const traces = peerId ? [own, peer] : [own];
  const axis = axisOf(traces, width, now);
  const lanes = axis ? traces.map((trace) => pictureOf(trace, axis)) : [];
  return (
    <div ref={box} className="timeline-body">
      {axis ? (
        <LaneDrawing axis={axis} lanes={lanes} names={["rejoin", PEER_NAMES[by ?? "plain"]]} onTell={setTold} />
      ) : (
        <p className="timeline-empty">Nothing has been streamed here since the page was loaded.</p>
      )}
      <p className="timeline-told" aria-hidden="true" data-testid="timeline-told">
        {told ?? (axis ? "Point at something, or walk through it with the arrow keys." : "")}
      </p>
    </div>
  );
}

interface DrawingProps {
  readonly axis: Axis;
  readonly lanes: readonly Picture[];
  readonly names: readonly string[];
  readonly onTell: (text: string | null) => void;
}

function LaneDrawing({ axis, lanes, names, onTell }: DrawingProps) {
  const height = lanes.length * LANE_HEIGHT + AXIS_HEIGHT;
  const [focused, setFocused] = useState<string | null>(null);
  return (
    <svg width={axis.width} height={height} viewBox={`0 0 ${axis.width} ${height}`} role="group" aria-label="What happened, from left to right" onKeyDown={walk} data-testid="timeline-picture">
      {lanes.map((picture, number) => (
        <Lane
          key={names[number]}
          name={names[number] ?? ""}
          picture={picture}
          top={number * LANE_HEIGHT}
          width={axis.width}
          focused={focused}
          onFocus={setFocused}
          onTell={onTell}
        />
      ))}
      <TimeAxis axis={axis} top={lanes.length * LANE_HEIGHT} />
    </svg>
  );
}

function TimeAxis({ axis, top }: { axis: Axis; top: number }) {
  const ticks = Array.from({ length: TICKS + 1 }, (_, number) => number / TICKS);
  return (
    <g aria-hidden="true" className="timeline-axis">
      <line x1={0} x2={axis.width} y1={top + 0.5} y2={top + 0.5} />
      {ticks.map((part) => (
        <text key={part} x={part * axis.width} y={top + 13} textAnchor={part === 0 ? "start" : part === 1 ? "end" : "middle"}>
          {seconds(part * (axis.to - axis.from))}
        </text>
      ))}
    </g>
  );
}

/** One stop for Tab; the arrow keys, Home and End go from shape to shape. */
function walk(event: KeyboardEvent<SVGSVGElement>): void {
  const stops = [...event.currentTarget.querySelectorAll<SVGGElement>("[data-stop]")];
  const here = stops.findIndex((stop) => stop === document.activeElement);
  const next = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: stops.length - 1 }[event.key];
  const stop = next === undefined ? undefined : stops[Math.min(Math.max(next, 0), stops.length - 1)];
  if (!stop) return;
  event.preventDefault();
  stop.focus();
}
