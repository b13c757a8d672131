// The page with the whole answer in hand: what React, layout and paint take, below which no side can get.

import { Answer, show } from "./answer.jsx";
import { parts } from "./whole.mjs";

globalThis.begin = () => show(<Answer parts={parts} />);
