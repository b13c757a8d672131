// Positions in the body of a stream where a cut is interesting.

/** Returns the position just after the nth occurrence (from 1) of a text, plus some bytes. */
export function after(text, nth = 1, more = 0) {
  return (body) => {
    let from = 0;
    for (let found = 0; found < nth; found += 1) {
      const place = body.indexOf(text, from);
      if (place < 0) return -1;
      from = place + Buffer.byteLength(text);
    }
    return from + more;
  };
}

/** Returns a position inside the nth character of four bytes, of which two pass. */
export function insideCharacter(nth = 1) {
  return (body) => {
    let found = 0;
    for (let place = 0; place < body.length; place += 1) {
      if ((body[place] & 0xf8) === 0xf0 && (found += 1) === nth) return place + 2;
    }
    return -1;
  };
}

/** A position inside the text of the nth text event. */
export const insideText = (nth = 10) => after('"delta":"', nth, 1);

/** A position behind the `data:` line of the nth event, before the blank line that ends it. */
export const beforeBlankLine = (nth = 10) => (body) => {
  const blank = after("\n\n", nth)(body);
  return blank < 0 ? -1 : blank - 1;
};

/** The position between two events. */
export const betweenEvents = (nth = 10) => after("\n\n", nth);

/** A position inside the id of the nth event. */
export const insideId = (nth = 10) => after("\nid: ", nth, 3);

/** A position inside the nth piece of a tool's streamed input. */
export const insideToolInput = (nth = 2) => after('"inputTextDelta":"', nth, 2);
