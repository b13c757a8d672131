// The page that reads the whole replay, ignores it, and shows an answer that it has from the start. It takes only the reads,
// React, layout and paint.

import { useEffect, useState } from "react";
import { reads } from "../sides.mjs";
import { Answer, show } from "./answer.jsx";
import { parts } from "./whole.mjs";

const NOTHING = [];

function Page() {
  const [shown, setShown] = useState(NOTHING);
  useEffect(() => {
    void reads(() => fetch("/api/chat/tasks/t1/stream")).then(() => setShown(parts));
  }, []);
  return <Answer parts={shown} />;
}

globalThis.begin = () => show(<Page />);
