// A chat in plain JavaScript: the button sends the message of the address to its session.
import { createChatStreams } from "rejoin";

const address = new URLSearchParams(location.search);
const session = address.get("session");
const streams = createChatStreams();
const at = (id) => document.getElementById(id);

streams.onSnapshot(session, () => {
  const { status, message } = streams.getSnapshot(session);
  at("status").textContent = status;
  at("text").textContent = (message?.parts ?? []).map((part) => part.text ?? "").join("");
});
at("send").onclick = () => streams.startStream(session, address.get("message"));
at("send").disabled = false;
