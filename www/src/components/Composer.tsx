// Where a message is written. Enter sends, Shift+Enter breaks the line; while an answer runs the button stops it.
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { SendIcon, StopIcon } from "./icons";

interface Props {
  readonly streaming: boolean;
  readonly disabled?: boolean;
  /** The text of a message that is edited. */
  readonly initial?: string;
  readonly onSend: (text: string, files: readonly File[]) => void;
  readonly onStop?: () => void;
  /** Ends the editing of a message. */
  readonly onCancel?: (() => void) | undefined;
}

export function Composer({ streaming, disabled = false, initial = "", onSend, onStop, onCancel }: Props) {
  const [text, setText] = useState(initial);
  const [files, setFiles] = useState<readonly File[]>([]);
  const field = useRef<HTMLTextAreaElement>(null);
  const sendable = (text.trim() !== "" || files.length > 0) && !disabled;

  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);

  const send = () => {
    if (!sendable) return;
    setText("");
    setFiles([]);
    onSend(text, files);
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
      <label className="round quiet attach" title="Attach files">
        <span className="sr-only">Attach files</span>
        <span aria-hidden="true">+</span>
        <input type="file" multiple className="sr-only" onChange={(event) => setFiles([...files, ...(event.target.files ?? [])])} data-testid="attach" />
      </label>
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
      {files.length > 0 && (
        <ul className="composer-files" aria-label="Files">
          {files.map((file, place) => (
            <li key={place}>
              {file.name} <button type="button" className="link" onClick={() => setFiles(files.filter((other) => other !== file))}>Remove</button>
            </li>
          ))}
        </ul>
      )}
      {onCancel && (
        <button type="button" className="quiet" onClick={onCancel} data-testid="cancel-edit">
          Cancel
        </button>
      )}
      {streaming && !sendable ? (
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
