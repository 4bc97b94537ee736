// What runs between upstreams, Breakwater and its clients: each download with who reads it, and each upload.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useAnswer } from "../api";
import type { Status, Upload, UploadAborted, UploadListed, UploadsListed } from "../answers";
import * as format from "../format";
import { DoingButton } from "../parts/doing";
import { Answered, Empty, Figures, Heading, Section } from "../parts/frame";
import { Bytes, Count, State, type Tone, Time } from "../parts/value";
import { linkOf, pageLink } from "../place";
import { type Now, Rates, keyOf, useNowUnderWay } from "./transfers_now";
import { ClientLink, DownloadRow } from "./transfers_rows";

function Downloads({ now }: { now: Now }): JSX.Element {
  const { downloads, count, rates } = now;
  if (downloads.length === 0)
    return (
      <Empty>
        Nothing is fetched right now. When clients ask a mirror for what is not here yet, each blob is one download,
        however many of them read it.
      </Empty>
    );
  return (
    <>
      <ul class="transfers">
        {downloads.map((one) => (
          <DownloadRow key={keyOf(one)} of={one} rate={rates.of(keyOf(one))} />
        ))}
      </ul>
      {count > downloads.length && <p class="note">And {format.grouped(count - downloads.length)} more.</p>}
    </>
  );
}

// --- uploads

const SHOWN_MAX = 100;

interface UploadRow extends UploadListed {
  rate: number | null;
}

// The list has what is broken off too; how far the open ones are comes sooner by the status.
function uploadsNow(listed: UploadListed[], now: Upload[], rates: Rates): UploadRow[] {
  const open = new Map(now.flatMap((one) => (one.id === undefined ? [] : [[one.id, one] as const])));
  const rows = listed.map((one) => ({ ...one, bytes: Math.max(one.bytes, open.get(one.id)?.bytes ?? 0) }));
  const known = new Set(listed.map((one) => one.id));
  for (const one of open.values()) {
    const { id, route, repository, bytes, client, started_at } = one;
    if (id === undefined || known.has(id)) continue;
    rows.push({ id, route, repository, bytes, state: "open", ...(client ? { client } : {}), ...(started_at ? { begun_at: started_at } : {}) });
  }
  // What runs stands first; of each kind the longest untouched, as listed.
  const isOff = (row: UploadListed): number => (row.state === "broken off" ? 1 : 0);
  rows.sort((a, b) => isOff(a) - isOff(b));
  return rows.map((row) => ({ ...row, rate: rates.of(row.id) }));
}

function stateOf(row: UploadRow): { tone: Tone; words: string } {
  if (row.refused) return { tone: "bad", words: "Refused" };
  if (row.state === "broken off") return { tone: "warn", words: "Broken off" };
  return row.state === "begun" ? { tone: "quiet", words: "Begun" } : { tone: "busy", words: "Open" };
}

// An open upload is somebody's who sends it now: it is not aborted.
function abortOf(row: UploadRow, onDone: () => void): JSX.Element | null {
  if (row.state === "open") return null;
  return (
    <DoingButton<UploadAborted>
      of={{
        path: "abort-upload",
        body: { id: row.id },
        verb: "Abort",
        title: `Abort the upload to ${row.route}/${format.tame(row.repository ?? "a repository that is not known", 200)}`,
        isDangerous: true,
        preview: (answer) => (
          <p>
            {answer.dry_run ? "It would give back " : "It gave back "}
            <Bytes of={answer.freed_bytes} />
            {row.client && (
              <>
                {", which "}
                <ClientLink of={row.client} />
                {" had sent"}
              </>
            )}
            .
          </p>
        ),
        onDone,
      }}
    />
  );
}

function UploadItem({ row, onAborted }: { row: UploadRow; onAborted: () => void }): JSX.Element {
  const state = stateOf(row);
  const name = row.repository ? `${row.route}/${row.repository}` : row.route;
  return (
    <li class="transfer">
      <div class="transfer-head">
        <a class="transfer-name" href={linkOf(name)} title={format.tame(name, 600)}>
          <bdi>{format.tame(name, 200)}</bdi>
        </a>
        <State tone={state.tone}>{state.words}</State>
      </div>
      <div class="transfer-figures">
        <span>
          <Bytes of={row.bytes} /> received
        </span>
        {row.state !== "broken off" && <span class="pace">{row.rate === null ? "…" : <Bytes of={row.rate} rate />}</span>}
        {row.client && (
          <span>
            from <ClientLink of={row.client} />
          </span>
        )}
        <span class="doing-room">{abortOf(row, onAborted)}</span>
      </div>
      <p class="transfer-further note">
        Begun <Time at={row.begun_at} />
        {row.last_byte_at && (
          <>
            {", last byte "}
            <Time at={row.last_byte_at} />
          </>
        )}
      </p>
    </li>
  );
}

function Uploads({ listed, now, again }: { listed: UploadsListed; now: Upload[]; again: () => void }): JSX.Element {
  const rates = useRef<Rates | null>(null);
  rates.current ??= new Rates();
  const rows = uploadsNow(listed.uploads, now, rates.current);
  const seen = JSON.stringify(rows.map((row) => [row.id, row.bytes]));
  useEffect(() => rates.current?.note(Date.now(), rows.map((row) => ({ key: row.id, bytes: row.bytes }))), [seen, listed]);
  if (rows.length === 0) return <Empty>Nobody pushes right now, and nothing that was broken off is left.</Empty>;
  const shown = rows.slice(0, SHOWN_MAX);
  const more = rows.length - shown.length + (listed.left_out ?? 0);
  return (
    <>
      <ul class="transfers">
        {shown.map((row) => (
          <UploadItem key={row.id} row={row} onAborted={again} />
        ))}
      </ul>
      {more > 0 && <p class="note">And {format.grouped(more)} more, which had a byte later than these.</p>}
    </>
  );
}

// --- the page

function Paces({ now, status }: { now: Now; status: Status }): JSX.Element {
  const rates = now.summary?.rates;
  const running = now.summary?.requests_running ?? status.routes.reduce((sum, route) => sum + route.requests, 0);
  const uploads = now.summary?.uploads_count ?? status.uploads_count ?? status.routes.reduce((sum, route) => sum + (route.uploads ?? 0), 0);
  const paces = rates
    ? [
        { name: "From upstreams", value: <Bytes of={rates.fetched_bytes_per_s} rate /> },
        { name: "To clients", value: <Bytes of={rates.sent_bytes_per_s} rate /> },
      ]
    : [];
  return (
    <Figures
      of={[
        { name: "Downloads", value: <Count of={now.count} /> },
        { name: "Uploads", value: <Count of={uploads} /> },
        ...paces,
        { name: "Requests that run", value: <Count of={running} /> },
      ]}
    />
  );
}

export function TransfersPage(): JSX.Element {
  const status = useAnswer<Status>("status", {}, 2000);
  const uploads = useAnswer<UploadsListed>("uploads", {}, 5000);
  const now = useNowUnderWay(status);
  return (
    <>
      <Heading title="Transfers" />
      <Answered asked={status} rows={12}>
        {(answer) => (
          <>
            <Section title="Now" more={<a href={pageLink("requests")}>All requests</a>}>
              <Paces now={now} status={answer} />
            </Section>
            <Section title="Downloads">
              <div class="transfers-room">
                <Downloads now={now} />
              </div>
            </Section>
            <Section title="Uploads">
              <Answered asked={uploads} rows={3}>
                {(listed) => (
                  <Uploads listed={listed} now={now.summary?.uploads ?? answer.uploads ?? []} again={uploads.again} />
                )}
              </Answered>
            </Section>
          </>
        )}
      </Answered>
    </>
  );
}
