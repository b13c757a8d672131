"use client";
import type { FormEvent } from "react";

/** The input for a message. With `onStop` an answer is running: the user can stop it, and a message waits for its end. */
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
