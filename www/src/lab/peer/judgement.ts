// Compares what a reader shows with what the server has stored, letter by letter, and with what the reader claims.

export interface Shown {
  readonly text: string;
  /** What the page claims about the answer. */
  readonly claim: "writing" | "complete" | "failed";
}

/** What the server has stored. */
export interface Stored {
  /** The texts of the answers, one for each time the message was taken. */
  readonly answers: readonly string[];
  readonly running: boolean;
}

export interface Verdict {
  readonly kind: "waiting" | "true" | "lost" | "doubled" | "untrue";
  readonly text: string;
}

const numbers = new Intl.NumberFormat("en");

export function verdictOf(shown: Shown, stored: Stored | null): Verdict {
  if (!stored) return { kind: "waiting", text: "Compared once the answer has ended" };
  if (shown.claim === "writing") return { kind: "waiting", text: "Still being written" };
  if (stored.running) return stillRunning(shown);
  const [first = "", ...more] = stored.answers;
  if (more.length > 0) return asked(1 + more.length, shown);
  if (shown.text === first) return same(shown);
  if (shown.text.length > first.length) return { kind: "doubled", text: `Doubled: ${characters(shown.text.length - first.length)} more than on the server` };
  return lost(shown, first);
}

function stillRunning({ claim }: Shown): Verdict {
  const said = claim === "failed" ? "given up" : "complete";
  return { kind: "untrue", text: `Untrue: shown as ${said} while the server still writes it` };
}

function asked(times: number, { text, claim }: Shown): Verdict {
  const said = claim === "failed" ? ", and still failed" : "";
  const bill = times === 2 ? "twice, and you paid for both" : `${times} times, and you paid for all`;
  return { kind: "doubled", text: `Doubled: the model answered ${bill}, ${characters(text.length)} shown${said}` };
}

function same({ claim }: Shown): Verdict {
  if (claim === "failed") return { kind: "true", text: "Reports a failure, and shows all of the text on the server" };
  return { kind: "true", text: "Correct: the same text as on the server, sent once" };
}

function lost({ text, claim }: Shown, whole: string): Verdict {
  const missing = characters(whole.length - text.length);
  const said = claim === "failed" ? "and given up" : "and shown as complete";
  if (!whole.startsWith(text)) return { kind: "lost", text: `Wrong: differs from the text on the server, ${said}` };
  return { kind: "lost", text: `Lost: ${missing} of ${numbers.format(whole.length)} are missing, ${said}` };
}

function characters(count: number): string {
  return `${numbers.format(count)} character${count === 1 ? "" : "s"}`;
}
