// One download as it is told on the page of transfers, and in short on the first page.
import type { JSX } from "preact";
import type { Download } from "../answers";
import * as format from "../format";
import { Bar, Bytes, Digest, State, type Tone, Time, Words } from "../parts/value";
import { linkOf, pageLink } from "../place";
import { secondsLeft } from "./transfers_now";

const STATES: Record<Download["state"], { tone: Tone; words: string }> = {
  running: { tone: "busy", words: "Running" },
  waiting: { tone: "quiet", words: "Waiting" },
  trying_again: { tone: "warn", words: "Trying again" },
};

function shareOf(of: Download): number | null {
  if (of.size === undefined) return null;
  return of.size === 0 ? 1 : of.bytes / of.size;
}

function whole(share: number): string {
  return `${Math.min(100, Math.floor(share * 100))} %`;
}

// "12 clients, one download".
export function readersWords(of: Download): string {
  const clients = of.clients_count ?? of.readers;
  if (clients === 0) return of.readers > 0 ? format.count(of.readers, "reader", "readers") : "nobody reads it";
  return clients === 1 ? "1 client" : `${format.grouped(clients)} clients, one download`;
}

export function ClientLink({ of }: { of: string }): JSX.Element {
  if (of === "fetch") return <span>a fetch beforehand</span>;
  return (
    <a class="client" href={pageLink("requests", { client: of })}>
      <bdi>{format.tame(of, 60)}</bdi>
    </a>
  );
}

function Progress({ of }: { of: Download }): JSX.Element {
  const share = shareOf(of);
  if (share === null) return <Bar share={0} label={`${format.bytes(of.bytes)}, of an unknown size`} tone="quiet" />;
  const label = `${whole(share)}: ${format.bytes(of.bytes)} of ${format.bytes(of.size ?? 0)}`;
  return <Bar share={share} label={label} tone={of.state === "running" ? "busy" : STATES[of.state].tone} />;
}

function Far({ of }: { of: Download }): JSX.Element {
  const share = shareOf(of);
  return (
    <span class="far">
      {share !== null && <span class="figure percent">{whole(share)}</span>}
      <Bytes of={of.bytes} />
      {of.size !== undefined && (
        <>
          {" of "}
          <Bytes of={of.size} />
        </>
      )}
    </span>
  );
}

function Pace({ of, rate }: { of: Download; rate: number | null }): JSX.Element {
  const left = secondsLeft(of, rate);
  return (
    <>
      <span class="pace">{rate === null ? "…" : <Bytes of={rate} rate />}</span>
      <span class="left figure">{left === null ? "" : left < 1 ? "almost there" : `${format.duration(left)} left`}</span>
    </>
  );
}

export function DownloadRow({ of, rate, isShort = false }: { of: Download; rate: number | null; isShort?: boolean }): JSX.Element {
  const name = `${of.route}/${of.repository}`;
  const state = STATES[of.state];
  return (
    <li class={isShort ? "transfer short" : "transfer"}>
      <div class="transfer-head">
        <a class="transfer-name" href={linkOf(name)} title={format.tame(name, 600)}>
          <bdi>{format.tame(name, 200)}</bdi>
        </a>
        <State tone={state.tone}>{state.words}</State>
      </div>
      <Progress of={of} />
      <div class="transfer-figures">
        <Far of={of} />
        {of.state === "running" && <Pace of={of} rate={rate} />}
        <span class="readers">{readersWords(of)}</span>
      </div>
      {of.failure && (
        <p class="transfer-reason">
          <Words of={of.failure} max={isShort ? 160 : 300} />
        </p>
      )}
      {!isShort && <Further of={of} />}
    </li>
  );
}

function Further({ of }: { of: Download }): JSX.Element {
  const clients = of.clients ?? [];
  const more = (of.clients_count ?? clients.length) - clients.length;
  return (
    <p class="transfer-further note">
      <Digest of={of.digest} />
      {of.started_at && (
        <>
          {", begun "}
          <Time at={of.started_at} />
        </>
      )}
      {of.from !== undefined && of.from > 0 && (
        <>
          {", went on from "}
          <Bytes of={of.from} />
        </>
      )}
      {clients.length > 0 && (
        <>
          {". Read by "}
          {clients.map((client, index) => (
            <span key={client}>
              {index > 0 && ", "}
              <ClientLink of={client} />
            </span>
          ))}
          {more > 0 && ` and ${format.grouped(more)} more`}
        </>
      )}
    </p>
  );
}
