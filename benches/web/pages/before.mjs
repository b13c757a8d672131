// Leaves in the storage what a page that is closed leaves of its running task.

import { createChatStreams } from "rejoin";

globalThis.ready = (async () => {
  const streams = createChatStreams();
  await streams.ready;
  streams.setActiveTask("s", { taskId: "t1" });
  streams.close();
})();
