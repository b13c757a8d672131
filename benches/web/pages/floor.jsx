// The page that has the whole answer from the start. It takes only React, layout and paint, which no side can avoid.

import { Answer, show } from "./answer.jsx";
import { parts } from "./whole.mjs";

globalThis.begin = () => show(<Answer parts={parts} />);
