// What the three pages have in common: how they show an answer, and how they find out when it is painted.

import { useLayoutEffect } from "react";
import { createRoot } from "react-dom/client";

const expected = Number(new URLSearchParams(location.search).get("length"));

/** Shows the page. `window.painted` becomes the time from now to the frame that shows the whole answer. */
export function show(page) {
  globalThis.painted = new Promise((done) => (whenWhole = done)).then(afterFrame);
  performance.mark("begin");
  createRoot(document.getElementById("root")).render(page);
}

let whenWhole;

/** Shows the parts of a message without styles. */
export function Answer({ parts }) {
  const length = parts.reduce((sum, part) => sum + (part.type === "text" ? part.text.length : 0), 0);
  useLayoutEffect(() => {
    if (length > expected) throw new Error(`The page shows ${length} characters of ${expected}`);
    if (length === expected) whenWhole();
  }, [length]);
  return <main>{parts.map((part, index) => <Part key={index} part={part} />)}</main>;
}

function Part({ part }) {
  if (part.type === "text") return <p>{part.text}</p>;
  return part.type.startsWith("tool-") ? <pre>{part.type}: {part.state}</pre> : null;
}

/** Calls back after the next frame is painted, which happens between its callbacks and the next task. */
function afterFrame() {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        performance.mark("painted");
        done(performance.measure("catch-up", "begin", "painted").duration);
      };
      port2.postMessage(undefined);
    });
  });
}
