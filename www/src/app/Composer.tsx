// The field in which a message is written. Enter sends it, Shift+Enter breaks the line. While an answer is written, the button stops it.
import type { ConversationInput, UIMessage } from "rejoin";
import { useEffect, useRef, type KeyboardEvent } from "react";
import { AttachIcon, CloseIcon, FileIcon, SendIcon, StopIcon } from "../ui/icons";
import { useComposer, type Attached } from "./useComposer";

interface Props {
  readonly isRunning: boolean;
  readonly disabled?: boolean;
  /** The question that is edited. */
  readonly edited?: UIMessage | null;
  readonly onSend: (input: ConversationInput) => void;
  readonly onStop?: () => void;
  /** Ends the editing. */
  readonly onCancel?: () => void;
}

export function Composer({ isRunning, disabled = false, edited = null, onSend, onStop, onCancel }: Props) {
  const { text, setText, attached, attach, detach, isEmpty, submit } = useComposer(edited, onSend);
  const field = useRef<HTMLTextAreaElement>(null);
  const isSendable = !isEmpty && !disabled;

  useEffect(() => {
    if (edited || matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, [edited]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && edited) return onCancel?.();
    // An input method that composes uses Enter itself.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (isSendable) submit();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onPaste={(event) => attach(event.clipboardData.files)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        attach(event.dataTransfer.files);
      }}
    >
      {edited && (
        <p className="composer-editing">
          Editing your question. What came after it is replaced.
          <button type="button" className="quiet" onClick={onCancel} data-testid="cancel-edit">
            Cancel
          </button>
        </p>
      )}
      {attached.length > 0 && <Files attached={attached} onRemove={detach} />}
      <div className="composer-row">
        <label className="round attach" title="Attach files">
          <span className="sr-only">Attach files</span>
          <AttachIcon />
          <input
            type="file"
            multiple
            className="sr-only"
            onChange={(event) => {
              attach(event.target.files);
              event.target.value = "";
            }}
            data-testid="attach"
          />
        </label>
        <label className="sr-only" htmlFor="message">
          Message
        </label>
        <textarea
          id="message"
          ref={field}
          rows={1}
          value={text}
          placeholder={isRunning ? "Ask the next question" : "Ask something"}
          autoComplete="off"
          enterKeyHint="send"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          data-testid="message-input"
        />
        {isRunning && !isSendable ? (
          <button type="button" className="round stop" onClick={onStop} aria-label="Stop the answer" data-testid="stop">
            <StopIcon />
          </button>
        ) : (
          <button type="submit" className="round" disabled={!isSendable} aria-label="Send" data-testid="send">
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
}

function Files({ attached, onRemove }: { attached: readonly Attached[]; onRemove: (one: Attached) => void }) {
  return (
    <ul className="composer-files" aria-label="Files" data-testid="attached">
      {attached.map((one, place) => (
        <li key={place} className="composer-file">
          {one.preview ? <img src={one.preview} alt="" /> : <FileIcon />}
          <span>{one.name}</span>
          <button type="button" className="round quiet" onClick={() => onRemove(one)} aria-label={`Remove ${one.name}`}>
            <CloseIcon />
          </button>
        </li>
      ))}
    </ul>
  );
}
