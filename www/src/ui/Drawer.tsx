// A side panel, which lies beside the chat where there is room, and otherwise over it.
import { useEffect, useRef, type ReactNode } from "react";
import { useMedia } from "../hooks/useMedia";

interface Props {
  readonly side: "left" | "right";
  readonly label: string;
  /** The width of the page from which on the panel is beside the chat. */
  readonly wideFrom: string;
  /** Whether it can be closed also where there is room. */
  readonly folds?: boolean;
  readonly open: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Drawer({ side, label, wideFrom, folds = false, open, onClose, children }: Props) {
  const wide = useMedia(`(min-width: ${wideFrom})`);
  const panel = useRef<HTMLElement>(null);
  const over = open && !wide;
  const shown = open || (wide && !folds);

  useEffect(() => {
    if (!over) return;
    const before = document.activeElement;
    panel.current?.focus();
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && onClose();
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
      if (before instanceof HTMLElement) before.focus();
    };
  }, [over, onClose]);

  const Landmark = side === "left" ? "nav" : "aside";
  return (
    <>
      {over && <div className="scrim" onClick={onClose} aria-hidden="true" />}
      <Landmark
        ref={panel}
        className={`drawer drawer-${side}`}
        data-over={!wide}
        data-open={shown}
        inert={!shown}
        aria-label={label}
        tabIndex={-1}
      >
        {children}
      </Landmark>
    </>
  );
}
