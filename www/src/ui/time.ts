// Formats times as people say them.

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000_000],
  ["month", 2_592_000_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** "5 min ago", "yesterday"; both arguments in ms since the Unix epoch. */
export function ago(then: number, now: number): string {
  const elapsed = Math.max(0, now - then);
  const step = STEPS.find(([, length]) => elapsed >= length);
  return step ? words.format(-Math.floor(elapsed / step[1]), step[0]) : "just now";
}
