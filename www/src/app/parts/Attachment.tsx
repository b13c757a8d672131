// Links the files and sources of an answer. Only web addresses and data URLs become links; anything else is shown as text.
import type { FileUIPart, ReasoningFileUIPart, SourceDocumentUIPart, SourceUrlUIPart, UIMessagePart } from "rejoin";
import { FileIcon, LinkIcon } from "../../ui/icons";

export type AttachmentPart = FileUIPart | ReasoningFileUIPart | SourceDocumentUIPart | SourceUrlUIPart;

const KINDS: ReadonlySet<string> = new Set<AttachmentPart["type"]>(["file", "reasoning-file", "source-document", "source-url"]);

export function isAttachment(part: UIMessagePart): part is AttachmentPart {
  return KINDS.has(part.type);
}

/** Lists the files and sources of an answer, after its text. */
export function Attachments({ parts }: { parts: readonly AttachmentPart[] }) {
  return (
    <ul className="attachments" aria-label="Sources and files" data-testid="attachments">
      {parts.map((part, index) => (
        <li key={index}>
          <Attachment part={part} />
        </li>
      ))}
    </ul>
  );
}

function Attachment({ part }: { part: AttachmentPart }) {
  switch (part.type) {
    case "source-url":
      return <SafeLink href={part.url} text={part.title || part.url} />;
    case "source-document":
      return (
        <span className="attachment">
          <FileIcon />
          {part.title || part.filename || part.mediaType}
        </span>
      );
    default:
      return <SafeLink href={part.url} text={("filename" in part && part.filename) || part.mediaType} />;
  }
}

function SafeLink({ href, text }: { href: string; text: string }) {
  if (!/^(https?:|data:(?!text\/html|image\/svg))/i.test(href)) return <span className="attachment">{text}</span>;
  return (
    <a className="attachment" href={href} target="_blank" rel="noopener noreferrer nofollow">
      <LinkIcon />
      {text}
    </a>
  );
}
