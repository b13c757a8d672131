// Renders markdown. Each block is its own component, so that a growing answer renders only its last block again.
import { memo, useMemo, useState } from "react";
import { BlockSplitter } from "./blocks";
import { renderBlock } from "./markdown";

export function Markdown({ text }: { text: string }) {
  const [splitter] = useState(() => new BlockSplitter());
  const blocks = useMemo(() => splitter.split(text), [splitter, text]);
  return (
    <div className="markdown">
      {blocks.map((block) => (
        <MarkdownBlock key={block.start} source={block.source} />
      ))}
    </div>
  );
}

const MarkdownBlock = memo(function MarkdownBlock({ source }: { source: string }) {
  const html = useMemo(() => ({ __html: renderBlock(source) }), [source]);
  return <div className="markdown-block" dangerouslySetInnerHTML={html} />;
});
