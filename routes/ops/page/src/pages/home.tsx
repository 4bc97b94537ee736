// The first page: whether all is well, and if not, what to do; then the most important of each page, with the
// link to it.
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type Asked, useAnswer } from "../api";
import type { Caches, Download, Plan, Problem, Requests, RouteStatus, Savings, Status } from "../answers";
import { useCaller } from "../caller";
import * as format from "../format";
import { useLive } from "../live";
import { Chart } from "../parts/chart";
import { Answered, Empty, Heading, Section } from "../parts/frame";
import { Name, NameLink } from "../parts/name";
import { Bytes, State, Time, Words, useNow } from "../parts/value";
import { type PageName, pageLink } from "../place";
import { DiskBars } from "./home_disk";
import { type Failed, failedLately } from "./home_failed";
import { integrityState } from "./integrity_words";
import { SavedFigures, bytesLines } from "./saved";
import { seriesOf, stepWords } from "./saved_series";
import { keyOf, useNowUnderWay } from "./transfers_now";
import { ClientLink, DownloadRow } from "./transfers_rows";
import { wordsOf } from "./upstreams_words";

function More({ to, children }: { to: PageName; children: string }): JSX.Element {
  return <a href={pageLink(to)}>{children}</a>;
}

// --- what is wrong

// The page that tells more of it.
function pageOf(problem: Problem): { page: PageName; words: string } | null {
  if (/ broken in /.test(problem.what)) return { page: "integrity", words: "Integrity" };
  if (/is full: |belong to routes/.test(problem.what)) return { page: "disk", words: "Disk use" };
  if (/read-only|draining/.test(problem.what)) return { page: "doings", words: "Doings" };
  return problem.route ? { page: "upstreams", words: "Upstreams" } : null;
}

// The API's words stand behind a semicolon; here they stand alone.
function asSentence(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;
}

function Problems({ of }: { of: Problem[] }): JSX.Element | null {
  if (of.length === 0) return null;
  return (
    <Section title={of.length === 1 ? "What to do" : `What to do: ${format.grouped(of.length)} things`} id="problems">
      <ul class="problems">
        {of.map((problem) => {
          const more = pageOf(problem);
          return (
            <li key={`${problem.route ?? ""} ${problem.what}`}>
              <p class="problem-what">
                <span class="mark" aria-hidden="true">
                  ▲
                </span>{" "}
                {problem.route && (
                  <>
                    <NameLink of={problem.route} />:{" "}
                  </>
                )}
                <Words of={format.withClocks(problem.what)} max={500} />
              </p>
              <p>
                <Words of={asSentence(problem.do)} max={500} />
                {more && (
                  <>
                    {" "}
                    <More to={more.page}>{more.words}</More>
                  </>
                )}
              </p>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

// --- nothing yet

function isFresh(status: Status): boolean {
  const isEmpty = status.routes.every((route) => route.bytes === 0 && !route.uploads);
  return isEmpty && status.downloads_count === 0;
}

function First({ status }: { status: Status }): JSX.Element {
  const hasMirror = status.routes.some((route) => route.kind === "mirror");
  const hasRegistry = status.routes.some((route) => route.kind === "registry");
  return (
    <Section title="Nothing is stored yet: what to do first">
      <ol class="points steps">
        <li>
          <a class="first-way" href={pageLink("connect")}>
            Connect a client
          </a>
          : the lines for containerd, Docker, BuildKit, podman and others, with this machine's address, to copy; and a
          test that says when it has come.
        </li>
        {hasMirror && <li>Pull an image through it. The first pull fetches it; the next one comes from here, and is counted as saved.</li>}
        {hasRegistry && <li>Push an image of yours to the registry. Every tag that is listed can be pulled whole.</li>}
        <li>Come back to this page: it shows all of it as it happens.</li>
      </ol>
    </Section>
  );
}

// --- what was saved

function SavedShort({ savings }: { savings: Savings }): JSX.Element {
  const series = useMemo(() => seriesOf(savings, "24h"), [savings]);
  const lines = useMemo(() => bytesLines(series), [series]);
  return (
    <>
      <SavedFigures total={savings.total} isShort />
      <Chart
        label={`Bytes in each ${stepWords("24h")}, as a table`}
        at={series.at}
        lines={lines}
        value={format.bytes}
        height={190}
      />
    </>
  );
}

// --- transfers

const TRANSFERS_SHOWN = 3;

function isRunning(of: Download): boolean {
  return of.state === "running";
}

function TransfersShort({ status }: { status: Asked<Status> }): JSX.Element {
  const now = useNowUnderWay(status);
  const uploads = now.summary?.uploads_count ?? status.answer?.routes.reduce((sum, route) => sum + (route.uploads ?? 0), 0) ?? 0;
  const shown = [...now.downloads.filter(isRunning), ...now.downloads.filter((one) => !isRunning(one))].slice(0, TRANSFERS_SHOWN);
  const rates = now.summary?.rates;
  const more = [
    ...(now.count > shown.length ? [format.count(now.count - shown.length, "more download", "more downloads")] : []),
    ...(uploads > 0 ? [format.count(uploads, "upload", "uploads")] : []),
  ].join(", ");
  return (
    <div class="transfers-room short">
      {shown.length === 0 && <Empty>Nothing is fetched right now.</Empty>}
      <ul class="transfers short">
        {shown.map((one) => (
          <DownloadRow key={keyOf(one)} of={one} rate={now.rates.of(keyOf(one))} isShort />
        ))}
      </ul>
      <p class="note">
        {more !== "" && <>{shown.length > 0 ? `And ${more}. ` : `${more}. `}</>}
        {rates && (
          <>
            <Bytes of={rates.fetched_bytes_per_s} rate /> from upstreams,{" "}
            {format.count(Math.round(rates.requests_per_s), "request", "requests")} a second.
          </>
        )}
      </p>
    </div>
  );
}

// --- upstreams

function UpstreamsShort({ routes, now }: { routes: RouteStatus[]; now: Date }): JSX.Element {
  const all = routes.flatMap((route) => route.upstreams.map((upstream) => ({ route, upstream })));
  if (all.length === 0) return <Empty>No route is a mirror: there is no upstream to ask.</Empty>;
  return (
    <ul class="lines-of">
      {all.map(({ route, upstream }) => {
        const words = wordsOf(upstream, now);
        const left = upstream.rate_limit?.left ?? upstream.pulls_left;
        return (
          <li key={`${route.name} ${upstream.url}`}>
            <span>
              <NameLink of={route.name} max={60} />{" "}
              <span class="note">
                <Name of={upstream.url.replace(/^https?:\/\//, "")} max={60} />
              </span>
            </span>
            <span class="line-state">
              {upstream.state === "well" && upstream.latency_s && (
                <span class="figure note" title="the median of the last answers">
                  {format.duration(upstream.latency_s.median)}
                </span>
              )}
              {upstream.state === "well" && left !== undefined && (
                <span class="figure note">{format.count(left, "pull left", "pulls left")}</span>
              )}
              <State tone={words.tone}>{words.state}</State>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

// --- refused or failed

const FAILED_SHOWN = 4;

function FailedRow({ of }: { of: Failed }): JSX.Element {
  const { newest, count } = of;
  const name = newest.repository ? `${newest.route ?? ""}/${newest.repository}` : (newest.route ?? "");
  return (
    <li>
      <p class="failed-head">
        <State tone={of.isError ? "bad" : "warn"}>{`${of.isError ? "Failed" : "Refused"} ${newest.status ?? ""}`}</State>
        <span class="failed-name">{name === "" ? "no route" : <NameLink of={name} max={70} />}</span>
        <span class="note failed-when">
          {count > 1 && `${format.grouped(count)} times, `}
          <Time at={newest.at} />
        </span>
      </p>
      <p class="failed-reason">
        <Words of={newest.reason || "it gave no reason"} max={240} />
        {newest.client && (
          <span class="note">
            {" to "}
            <ClientLink of={newest.client} />
          </span>
        )}
      </p>
    </li>
  );
}

function FailedShort({ refused, errors }: { refused: Requests; errors: Requests | null }): JSX.Element {
  const live = useLive();
  const failed = failedLately([...live.requests, ...refused.requests, ...(errors?.requests ?? [])], FAILED_SHOWN);
  if (failed.length === 0) return <Empty>Nothing, of the last requests that are remembered.</Empty>;
  return (
    <ul class="failed">
      {failed.map((one) => (
        <FailedRow key={one.key} of={one} />
      ))}
    </ul>
  );
}

// --- one line each

function planWords(plan: Plan): string {
  const sum = (when: string): { items: number; bytes: number } =>
    plan.totals
      .filter((total) => total.when === when)
      .reduce((all, one) => ({ items: all.items + one.items, bytes: all.bytes + one.bytes }), { items: 0, bytes: 0 });
  const parts = (
    [
      ["now", "now"],
      ["later", "later"],
      ["if room is needed", "when room is needed"],
    ] as const
  ).flatMap(([when, words]) => {
    const { items, bytes } = sum(when);
    return items === 0 ? [] : [`${words} ${format.count(items, "thing", "things")} of ${format.bytes(bytes)}`];
  });
  return parts.length === 0 ? "Nothing goes." : `${parts.join("; ").replace(/^./, (first) => first.toUpperCase())}.`;
}

function cachesWords(caches: Caches, now: Date): string {
  const all = caches.caches;
  if (all.length === 0) return "No tag is a build's cache yet.";
  const bytes = all.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const fresh = all.reduce((sum, one) => sum + one.new_bytes, 0);
  const again = all.reduce((sum, one) => sum + one.reused_bytes, 0);
  const pushed = all.map((one) => format.timeOf(one.pushed_at)).filter((at) => at !== null);
  const newest = pushed.sort((a, b) => b.getTime() - a.getTime())[0];
  const count = `${format.count(all.length, "cache", "caches")}${caches.next === null ? "" : " and more"}`;
  const reuse = fresh + again > 0 ? `; the last exports reused ${format.percent(again / (fresh + again))}` : "";
  return `${count}, ${format.bytes(bytes)}${newest ? `, exported ${format.fromNow(newest, now)}` : ""}${reuse}.`;
}

function Line({ title, to, children }: { title: string; to: PageName; children: ComponentChildren }): JSX.Element {
  return (
    <li>
      <h3>
        <More to={to}>{title}</More>
      </h3>
      <div class="one-line">{children}</div>
    </li>
  );
}

function OneLines({ status, now }: { status: Status; now: Date }): JSX.Element {
  const seesAll = useCaller()?.sees_all !== false;
  const plan = useAnswer<Plan>(seesAll ? "plan" : null); // once: it is a walk over all that is stored
  const caches = useAnswer<Caches>("caches", {}, 60_000);
  const integrity = integrityState(status.integrity, now);
  return (
    <ul class="one-lines">
      {seesAll && (
        <Line title="What goes next" to="next">
          <Answered asked={plan} rows={1}>
            {(answer) => planWords(answer)}
          </Answered>
        </Line>
      )}
      <Line title="Build caches" to="caches">
        <Answered asked={caches} rows={1}>
          {(answer) => cachesWords(answer, now)}
        </Answered>
      </Line>
      <Line title="Integrity" to="integrity">
        <State tone={integrity.tone}>{integrity.words}</State>
      </Line>
      <Line title="Runs" to="doings">
        <Words of={`Version ${status.version}, since `} />
        <Time at={status.started_at} as="clock" />
        {status.read_only && "; read-only"}
      </Line>
    </ul>
  );
}

// --- the page

const USES_SHOWN = 8;

export function HomePage(): JSX.Element {
  const status = useAnswer<Status>("status", {}, 5000);
  const savings = useAnswer<Savings>("savings", { since: "24h" }, 60_000);
  const refused = useAnswer<Requests>("requests", { result: "refused", limit: 100 }, 15_000);
  const errors = useAnswer<Requests>("requests", { result: "error", limit: 100 }, 15_000);
  const now = useNow();
  return (
    <>
      <Heading title="How it is" />
      <Answered asked={status} rows={20}>
        {(answer) => (
          <>
            <Problems of={answer.problems} />
            {isFresh(answer) && <First status={answer} />}
            <div class="sections home">
              <Section title="Saved in 24 hours" more={<More to="saved">All that was saved</More>}>
                <Answered asked={savings} rows={7}>
                  {(told) => <SavedShort savings={told} />}
                </Answered>
              </Section>
              <Section title="Live transfers" more={<More to="transfers">All transfers</More>}>
                <TransfersShort status={status} />
              </Section>
              <Section title="Upstreams" more={<More to="upstreams">All upstreams</More>}>
                <UpstreamsShort routes={answer.routes} now={now} />
              </Section>
              <Section title="Disk use" more={<More to="disk">What fills it</More>}>
                <DiskBars status={answer} most={USES_SHOWN} />
              </Section>
              <Section title="Refused or failed lately" more={<More to="requests">All requests</More>}>
                <Answered asked={refused} rows={6}>
                  {(told) => <FailedShort refused={told} errors={errors.answer} />}
                </Answered>
              </Section>
              <Section title="Upkeep">
                <OneLines status={answer} now={now} />
              </Section>
            </div>
          </>
        )}
      </Answered>
    </>
  );
}
