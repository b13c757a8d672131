// Converts markdown to safe HTML.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({
  gfm: true,
  renderer: {
    // A picture becomes a link, because loading it would show its host who reads what.
    image({ href, text }) {
      return `<a href="${escapeAttribute(href)}">${escapeText(text || href)}</a>`;
    },
    // Wide code scrolls, and what scrolls must be reachable by keyboard.
    code({ text }) {
      return `<pre tabindex="0"><code>${escapeText(text)}</code></pre>`;
    },
    // HTML in an answer is shown as text.
    html({ text, type, block }) {
      return type === "html" && block ? `<p>${escapeText(text)}</p>` : escapeText(text);
    },
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

/** Returns the HTML of one block, in which nothing runs, submits, styles or loads. */
export function renderBlock(source: string): string {
  const html = marked.parse(source, { async: false });
  return DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "button", "textarea", "select", "img", "video", "audio", "picture", "source"],
    FORBID_ATTR: ["style", "class", "id", "name"],
  });
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', "&quot;");
}
