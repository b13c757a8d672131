// Where a message is written. Enter sends, Shift+Enter breaks the line; while an answer runs the button stops it.
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { SendIcon, StopIcon } from "./icons";

interface Props {
  readonly streaming: boolean;
  readonly disabled?: boolean;
  readonly onSend: (text: string) => void;
  readonly onStop?: () => void;
}

export function Composer({ streaming, disabled = false, onSend, onStop }: Props) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const sendable = text.trim() !== "" && !streaming && !disabled;

  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);

  const send = () => {
    if (!sendable) return;
    setText("");
    onSend(text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="sr-only" htmlFor="message">
        Message
      </label>
      <textarea
        id="message"
        ref={field}
        rows={1}
        value={text}
        placeholder="Ask something"
        autoComplete="off"
        enterKeyHint="send"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        data-testid="message-input"
      />
      {streaming ? (
        <button type="button" className="round stop" onClick={onStop} aria-label="Stop the answer" data-testid="stop">
          <StopIcon />
        </button>
      ) : (
        <button type="submit" className="round" disabled={!sendable} aria-label="Send" data-testid="send">
          <SendIcon />
        </button>
      )}
    </form>
  );
}
