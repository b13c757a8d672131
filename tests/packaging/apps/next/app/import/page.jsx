// What importing the package, and making a client, does while a server renders: this says what of WebAssembly was used.
export const dynamic = "force-dynamic";

export default async function Page() {
  const used = [];
  const engine = Object.fromEntries(NAMES.map((name) => [name, WebAssembly[name]]));
  for (const name of NAMES) WebAssembly[name] = new Proxy(engine[name], noting(name, used));
  try {
    const { createChatStreams } = await import("rejoin");
    createChatStreams().getSnapshot("s");
  } finally {
    Object.assign(WebAssembly, engine);
  }
  return <p id="used">{used.join() || "nothing"}</p>;
}

const NAMES = ["compile", "instantiate", "Module", "Instance"];

function noting(name, used) {
  const note = (act) => (...given) => {
    used.push(name);
    return act(...given);
  };
  return { apply: note(Reflect.apply), construct: note(Reflect.construct) };
}
