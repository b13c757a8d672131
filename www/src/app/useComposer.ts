// Keeps the message that is being written: its text and its files.
import type { ConversationInput, FileUIPart, UIMessage } from "rejoin";
import { useEffect, useRef, useState } from "react";

/** A file of the message, from this device or from the question that is edited. */
export interface Attached {
  readonly name: string;
  /** The address of its preview, if it is a picture. */
  readonly preview?: string | undefined;
  readonly file?: File;
  readonly part?: FileUIPart;
}

export function useComposer(edited: UIMessage | null, onSend: (input: ConversationInput) => void) {
  const [text, setText] = useState(() => (edited ? textOf(edited) : ""));
  const [attached, setAttached] = useState(() => (edited ? filesOf(edited).map(ofPart) : []));
  const isEmpty = text.trim() === "" && attached.length === 0;
  useRevoked(attached);

  const attach = (files: Iterable<File> | null) => setAttached((known) => [...known, ...Array.from(files ?? [], ofFile)]);
  const detach = (one: Attached) => setAttached((known) => known.filter((other) => other !== one));
  const submit = () => {
    if (isEmpty) return;
    onSend({ text, parts: attached.flatMap(({ part }) => part ?? []), files: attached.flatMap(({ file }) => file ?? []) });
    setText("");
    setAttached([]);
  };
  return { text, setText, attached, attach, detach, isEmpty, submit };
}

/** Releases the pictures of files that are no longer attached. */
function useRevoked(attached: readonly Attached[]): void {
  const before = useRef(attached);
  useEffect(() => {
    for (const one of before.current) if (one.file && one.preview && !attached.includes(one)) URL.revokeObjectURL(one.preview);
    before.current = attached;
  }, [attached]);
}

function ofFile(file: File): Attached {
  return { name: file.name, file, preview: isPicture(file.type) ? URL.createObjectURL(file) : undefined };
}

function ofPart(part: FileUIPart): Attached {
  return { name: part.filename ?? part.mediaType, part, preview: isPicture(part.mediaType) ? part.url : undefined };
}

export function isPicture(mediaType: string): boolean {
  return mediaType.startsWith("image/");
}

export function textOf({ parts }: UIMessage): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

export function filesOf({ parts }: UIMessage): FileUIPart[] {
  return parts.filter((part): part is FileUIPart => part.type === "file");
}
