// Leaves the saved task of a page that was closed in the storage.

import { createChatStreams } from "rejoin";

globalThis.ready = (async () => {
  const streams = createChatStreams();
  await streams.ready;
  streams.setActiveTask("s", { taskId: "t1" });
  streams.close();
})();
