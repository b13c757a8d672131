// The controls that break the connection of the chat on the page.
import { useId, useState, type FormEvent, type ReactNode } from "react";
import { useLab } from "../context";
import { useNow } from "../../hooks/useNow";
import type { Network } from "../network/network";
import { useStore } from "../../store";
import { CloseIcon, CutIcon, EndIcon, GarbageIcon, OfflineIcon, ReloadIcon, ServerIcon, SilentIcon, TabsIcon } from "../../ui/icons";
import type { PeerKind } from "../peer/peer";
import { BackgroundJob } from "./BackgroundJob";
import { Metrics } from "./Metrics";
import { ReplayBench } from "./ReplayBench";
import { Switch } from "../../ui/Switch";

const OFFLINE_MS = 5000;

interface Props {
  readonly sessionId: string | null;
  readonly onClose: () => void;
}

export function FaultLab({ sessionId, onClose }: Props) {
  const { network } = useLab();
  return (
    <div className="lab">
      <div className="lab-head">
        <h2>Break it</h2>
        <button type="button" className="round quiet" onClick={onClose} aria-label="Close" data-testid="close-lab">
          <CloseIcon />
        </button>
      </div>
      <p className="lab-intro">Start an answer, then break its connection. Nothing is lost and nothing comes twice.</p>
      <Comparison />
      <h3>Once</h3>
      <div className="lab-buttons">
        <FaultButton name="cut" icon={<CutIcon />} does={() => network.cut()}>
          Cut now
        </FaultButton>
        <FaultButton name="end" icon={<EndIcon />} does={() => network.endEarly()}>
          End early
        </FaultButton>
        <FaultButton name="half-open" icon={<SilentIcon />} does={() => network.halfOpen()}>
          Half-open
        </FaultButton>
        <FaultButton name="garbage" icon={<GarbageIcon />} does={() => network.garbage()}>
          Garbage
        </FaultButton>
        <OfflineButton network={network} />
        <RestartButton />
        <FaultButton name="reload" icon={<ReloadIcon />} does={() => location.reload()}>
          Reload
        </FaultButton>
        <FaultButton name="tab" icon={<TabsIcon />} does={() => window.open(location.href, "_blank")}>
          Second tab
        </FaultButton>
      </div>
      <CutAfter network={network} />
      {sessionId !== null && <BackgroundJob sessionId={sessionId} />}
      <h3>All the time</h3>
      <Lasting network={network} />
      <ReplayBench />
      {sessionId !== null && <Metrics key={sessionId} sessionId={sessionId} />}
    </div>
  );
}

/** Chooses the reader that is compared with this chat. */
function Comparison() {
  const { compare, peer } = useLab();
  const isOn = useStore(compare);
  const kind = useStore(peer.kind);
  return (
    <>
      <Switch on={isOn} onChange={(on) => compare.set(on)} testId="compare">
        Compare with another reader
      </Switch>
      {isOn && (
        <div className="choice" role="radiogroup" aria-label="The other reader">
          {READERS.map(([name, label]) => (
            <label key={name} className="choice-option">
              <input type="radio" name="reader" className="sr-only" checked={kind === name} onChange={() => peer.kind.set(name)} data-testid={`peer-${name}`} />
              {label}
            </label>
          ))}
        </div>
      )}
    </>
  );
}

const READERS: readonly (readonly [PeerKind, string])[] = [
  ["plain", "A fetch loop"],
  ["useChat", "useChat"],
];

interface ButtonProps {
  readonly name: string;
  readonly icon: ReactNode;
  readonly does: () => void;
  readonly disabled?: boolean;
  readonly children: ReactNode;
}

function FaultButton({ name, icon, does, disabled = false, children }: ButtonProps) {
  return (
    <button type="button" className="button" disabled={disabled} onClick={does} title={TITLES[name]} data-testid={`fault-${name}`}>
      {icon}
      {children}
    </button>
  );
}

/** Explains a fault by what causes it in the world. */
const TITLES: Readonly<Record<string, string>> = {
  cut: "The connection breaks in the middle, as when the Wi-Fi drops",
  end: "The body ends as if it were complete, as when a proxy gives up politely",
  "half-open": "The connection stays open and nothing comes any more, as after a network change",
  garbage: "Five frames that no backend should send",
  offline: "No network at all for 5 s",
  restart: "The server really ends and starts again; a task that it ran is interrupted",
  reload: "This page forgets everything but what it saved",
  tab: "The same chat in another tab: one connection for both",
};

function OfflineButton({ network }: { network: Network }) {
  const { offlineUntil } = useStore(network.conditions);
  const now = useNow(offlineUntil === null ? null : 250);
  const left = offlineUntil === null ? 0 : Math.max(1, Math.ceil((offlineUntil - now) / 1000));
  return (
    <FaultButton name="offline" icon={<OfflineIcon />} does={() => network.goOffline(OFFLINE_MS)} disabled={offlineUntil !== null}>
      {offlineUntil === null ? "Offline 5 s" : `Back in ${left} s`}
    </FaultButton>
  );
}

/** The controls that need the supervisor of `npm start`. */
function RestartButton() {
  const { control, recorder } = useLab();
  const known = useStore(control);
  const [state, setState] = useState<"idle" | "restarting" | "failed">("idle");
  if (!known) return null;
  const restart = () => {
    setState("restarting");
    recorder.note("restart", "The server restarts");
    known.restart().then(
      () => setState("idle"),
      () => setState("failed"),
    );
  };
  return (
    <FaultButton name="restart" icon={<ServerIcon />} does={restart} disabled={state === "restarting"}>
      {state === "idle" ? "Restart server" : state === "restarting" ? "Restarting…" : "Can't restart"}
    </FaultButton>
  );
}

function CutAfter({ network }: { network: Network }) {
  const { cutAfter } = useStore(network.conditions);
  const [bytes, setBytes] = useState(3000);
  const id = useId();
  const arm = (event: FormEvent) => {
    event.preventDefault();
    network.cutAfter(bytes);
  };
  return (
    <form className="lab-after" onSubmit={arm}>
      <label htmlFor={id}>Cut after</label>
      <input
        id={id}
        type="number"
        min={1}
        max={10_000_000}
        required
        value={bytes}
        onChange={(event) => setBytes(event.target.valueAsNumber || 1)}
        data-testid="cut-after-bytes"
      />
      <span>bytes</span>
      <button type="submit" className="button" data-testid="fault-cut-after">
        {cutAfter === null ? "Arm" : "Armed"}
      </button>
    </form>
  );
}

function Lasting({ network }: { network: Network }) {
  const { cutEverySecond, slow, forgetful } = useStore(network.conditions);
  return (
    <div className="lab-switches">
      <Switch on={cutEverySecond} onChange={(on) => network.cutEverySecond(on)} testId="fault-cut-every-second">
        Cut every second
      </Switch>
      <Switch on={slow} onChange={(on) => network.slow(on)} testId="fault-slow">
        Slow network
      </Switch>
      <Switch on={forgetful} onChange={(on) => network.forgetful(on)} testId="fault-forgetful">
        Replay from the start each time
      </Switch>
    </div>
  );
}
