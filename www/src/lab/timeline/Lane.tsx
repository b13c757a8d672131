// Draws one reader's row of the timeline: chunks above, connections as bars, and signs for what happened to them.
import { memo } from "react";
import type { Picture, Shape } from "./picture";

export const LANE_HEIGHT = 58;

/** px from the top of the lane. */
const TEXT = 12;
const CHUNKS = { top: 16, height: 20 };
const BAR = { top: 40, height: 9 };
const MIDDLE = BAR.top + BAR.height / 2;

interface Props {
  readonly name: string;
  readonly picture: Picture;
  readonly top: number;
  readonly width: number;
  /** The shape that Tab goes to. */
  readonly focused: string | null;
  readonly onFocus: (key: string) => void;
  readonly onTell: (text: string | null) => void;
}

export function Lane({ name, picture, top, width, focused, onFocus, onTell }: Props) {
  const keys = picture.shapes.map(({ key }) => `${name} ${key}`);
  const stop = focused && keys.includes(focused) ? focused : keys[0];
  return (
    <g transform={`translate(0 ${top})`} className={`lane lane-${name === "rejoin" ? "own" : "peer"}`} data-testid={`lane-${name === "rejoin" ? "own" : "peer"}`}>
      <text x={0} y={TEXT} className="lane-name" aria-hidden="true">
        {name}
      </text>
      <line className="lane-ground" x1={0} x2={width} y1={MIDDLE} y2={MIDDLE} aria-hidden="true" />
      <g aria-hidden="true" onPointerLeave={() => onTell(null)}>
        {picture.columns.map(({ x, width: wide, height, label }) => (
          <rect
            key={x}
            className="lane-chunks"
            x={x}
            width={wide}
            y={CHUNKS.top + CHUNKS.height * (1 - height)}
            height={Math.max(1, CHUNKS.height * height)}
            onPointerEnter={() => onTell(label)}
          />
        ))}
      </g>
      {picture.shapes.map((shape) => {
        const key = `${name} ${shape.key}`;
        return (
          <g
            key={key}
            role="img"
            aria-label={shape.label}
            tabIndex={key === stop ? 0 : -1}
            data-stop
            data-kind={shape.kind}
            className={`shape shape-${shape.kind}`}
            onFocus={() => {
              onFocus(key);
              onTell(shape.label);
            }}
            onBlur={() => onTell(null)}
            onPointerEnter={() => onTell(shape.label)}
            onPointerLeave={() => onTell(null)}
          >
            <Drawn shape={shape} />
          </g>
        );
      })}
    </g>
  );
}

const Drawn = memo(function Drawn({ shape }: { shape: Shape }) {
  if (shape.kind === "connection") {
    return <rect x={shape.x} y={BAR.top} width={shape.width} height={BAR.height} rx={2} className={shape.open ? "open" : undefined} />;
  }
  return (
    <g transform={`translate(${shape.x} ${MIDDLE})`}>
      <rect className="shape-reach" x={-8} y={-14} width={16} height={28} />
      <path d={SIGNS[shape.kind]} />
    </g>
  );
});

/** Drawn around the middle of the bar. */
const SIGNS: Readonly<Record<Exclude<Shape["kind"], "connection">, string>> = {
  cut: "M-4-4L4 4M4-4L-4 4",
  rejoin: "M-3-6L5 0L-3 6Z",
  dropped: "M0-5L5 0L0 5L-5 0Z",
  garbage: "M-5-5h10v10h-10zM0-2.5v3M0 3v.1",
  silent: "M-2.5-6v12M2.5-6v12",
  reset: "M4-4A5.5 5.5 0 1 0 5 2M5-7v4h-4",
  owner: "M0-6v12M-4 0h8",
  follower: "M-4 0h8",
  restart: "M-5-5h10v4h-10zM-5 1h10v4h-10z",
  over: "M0-7v14",
};
