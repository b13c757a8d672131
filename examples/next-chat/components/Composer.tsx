"use client";
import type { FormEvent } from "react";

/** Where a message is written. With `onStop` an answer is being written: it can be stopped, and a message waits for its end. */
export function Composer({ onSend, onStop }: { onSend: (text: string) => void; onStop?: () => void }) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get("text")).trim();
    if (!text) return;
    form.reset();
    onSend(text);
  }

  return (
    <form onSubmit={submit}>
      <input name="text" aria-label="Message" placeholder="Ask something" autoComplete="off" autoFocus />
      {onStop && (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      )}
      <button>Send</button>
    </form>
  );
}
