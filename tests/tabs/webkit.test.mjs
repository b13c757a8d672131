// Tabs in WebKitGTK (`npm run test:webkit`).

import { webkit } from "./lib/engines.mjs";
import { suite } from "./lib/suite.mjs";

suite({ engine: webkit, keepsStreams: true });
