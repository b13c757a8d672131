// Files and sources of an answer, as links. Only web addresses and data are linked: what else a model writes is shown as text.
import type { FileUIPart, SourceUrlUIPart } from "rejoin";
import { LinkIcon } from "./icons";

export function SourceLink({ part }: { part: SourceUrlUIPart }) {
  return <SafeLink href={part.url} text={part.title || part.url} />;
}

export function Attachment({ part }: { part: FileUIPart }) {
  return <SafeLink href={part.url} text={part.filename || part.mediaType} />;
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
