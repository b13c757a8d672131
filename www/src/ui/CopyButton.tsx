// Copies a text and says so for a moment.
import { useEffect, useState } from "react";
import { CheckIcon, CopyIcon } from "./icons";

export function CopyButton({ text }: { text: string }) {
  const [result, setResult] = useState<"copied" | "refused" | null>(null);
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(null), 2000);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () => {
    navigator.clipboard?.writeText(text).then(
      () => setResult("copied"),
      () => setResult("refused"),
    );
  };
  return (
    <button type="button" className="quiet" onClick={copy}>
      {result === "copied" ? <CheckIcon /> : <CopyIcon />}
      <span aria-live="polite">{result === null ? "Copy" : result === "copied" ? "Copied" : "Can't copy here"}</span>
    </button>
  );
}
