// What goes next, when, why, and what goes along; and how old is what each route lets go now.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api";
import type { Plan, PlanItem, RouteStatus, Status } from "../answers";
import * as format from "../format";
import { Answered, Empty, Heading, Section } from "../parts/frame";
import { ImageName } from "../parts/image_name";
import { type Column, Table } from "../parts/table";
import { Bar, Bytes, Count, Digest, State, Time, type Tone, Words, useNow } from "../parts/value";
import { linkOf, pageLink } from "../place";

interface Group {
  when: string;
  title: string;
  words: string;
  none: string;
  tone: Tone;
}

const GROUPS: readonly Group[] = [
  {
    when: "now",
    title: "Now",
    words: "It goes with the next pass of the collection, within minutes.",
    none: "Nothing goes now.",
    tone: "busy",
  },
  {
    when: "later",
    title: "Later",
    words: "It goes when its time has come: what clients were told of stays for its lease.",
    none: "Nothing is on its way out.",
    tone: "quiet",
  },
  {
    when: "if room is needed",
    title: "If room is needed",
    words: "It stays as long as there is room, and goes from the top when there is not.",
    none: "Nothing would have to go if room were needed: all that is here is needed, or no route is over its bound.",
    tone: "quiet",
  },
  {
    when: "never by itself",
    title: "Never by itself",
    words: "Its route is not in the configuration any more. It stays until somebody says that it may go.",
    none: "Nothing is left of routes that are not configured any more.",
    tone: "warn",
  },
];

const REASONS: Record<string, string> = {
  retention: "the registry's policy does not keep it",
  orphan: "what it belonged to is gone",
  belongs: "it goes with what it belongs to",
  unreferenced: "no tag and no manifest needs it",
  cache: "a build's cache that has not been used for longest",
  refused: "an upload that was refused for want of room",
  "broken off": "an upload or download that nobody goes on with",
  bound: "a mirror is over its bound",
  left: "of a route that is not configured any more",
};

export function NextPage(): JSX.Element {
  const asked = useAnswer<Plan>("plan", {}, 0);
  const status = useAnswer<Status>("status", {}, 10_000);
  const now = useNow();
  return (
    <>
      <Heading title="What goes next">
        <div class="beside">
          {asked.at && asked.answer && (
            <span class="note" title={format.exactTime(asked.at)}>
              looked at {format.fromNow(asked.at, now)}
            </span>
          )}
          <button type="button" class="small" disabled={asked.isAsking} onClick={asked.again}>
            {asked.isAsking ? "Looking…" : "Look again"}
          </button>
        </div>
      </Heading>
      <Section title="How old is what goes now">
        <Answered asked={status} rows={5}>
          {(told) => <Frontiers routes={told.routes} />}
        </Answered>
      </Section>
      <Section title="In all">
        <Answered asked={asked} rows={5}>
          {(plan) => <Totals plan={plan} />}
        </Answered>
      </Section>
      <div class="next-groups">
        <Answered asked={asked} rows={10}>
          {(plan) => (
            <>
              {plan.more && (
                <p class="note next-cut">There is more than is listed here: the plan shows what goes first.</p>
              )}
              {GROUPS.map((group) => (
                <Items key={group.when} group={group} items={plan.items} />
              ))}
            </>
          )}
        </Answered>
      </div>
    </>
  );
}

// --- the eviction frontier: how long nobody has used what a mirror lets go

function Frontiers({ routes }: { routes: RouteStatus[] }): JSX.Element {
  const mirrors = routes.filter((route) => route.kind === "mirror");
  if (mirrors.length === 0) return <Empty>There is no mirror: registries let go what their policy says, below.</Empty>;
  return (
    <>
      <ul class="frontiers">
        {mirrors.map((route) => (
          <li key={route.name}>
            <h3>
              <a href={linkOf(route.name)}>
                <bdi>{format.tame(route.name, 80)}</bdi>
              </a>
            </h3>
            <Frontier route={route} />
          </li>
        ))}
      </ul>
      <p class="note">
        A frontier that moves towards today says that the bound is too small for what is pulled: what was used a
        moment ago would have to go.
      </p>
    </>
  );
}

function Frontier({ route }: { route: RouteStatus }): JSX.Element {
  const { bytes, bytes_max: max, evicted, oldest_s: oldest } = route;
  const share = max ? bytes / max : null;
  const evictedAge = evicted?.last_age_s;
  const isTight = evictedAge !== undefined && evictedAge < 86_400;
  return (
    <div class="frontier">
      <p>
        {share !== null && max ? (
          <>
            <Bar share={share} label={`${format.percent(share)} full`} tone={share > 0.95 ? "warn" : "busy"} />{" "}
            <Bytes of={bytes} /> of <Bytes of={max} />
          </>
        ) : (
          <>
            <Bytes of={bytes} />, no bound of its own
          </>
        )}
      </p>
      <p>
        {evictedAge !== undefined ? (
          <>
            <State tone={isTight ? "warn" : "well"}>{`Nobody had used for ${format.duration(evictedAge)}`}</State> what
            went last, <Time at={evicted?.last_at} />
            {evicted?.bytes_total !== undefined && (
              <>
                ; <Bytes of={evicted.bytes_total} /> went since it started
              </>
            )}
            .
          </>
        ) : (
          // What it has let go is told together with what was stale; a Breakwater before that says neither.
          route.stale_total !== undefined && <State tone="well">Nothing had to go since it started.</State>
        )}
      </p>
      {oldest !== undefined && (
        <p>Next would be what nobody has used for {format.duration(oldest)}.</p>
      )}
    </div>
  );
}

// --- sums

const TOTAL_COLUMNS: Column<Plan["totals"][number]>[] = [
  {
    name: "Reason",
    sortBy: (row) => row.reason,
    cell: (row) => format.tame(row.reason, 60),
  },
  {
    name: "What it is",
    isWide: true,
    isMinor: true,
    cell: (row) => <span class="note">{REASONS[row.reason] ?? ""}</span>,
  },
  { name: "When", sortBy: (row) => row.when, cell: (row) => <span class="when">{format.tame(row.when, 60)}</span> },
  { name: "Things", isNumber: true, sortBy: (row) => row.items, cell: (row) => <Count of={row.items} /> },
  { name: "Size", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
];

function Totals({ plan }: { plan: Plan }): JSX.Element {
  return (
    <Table
      label="What goes, by reason"
      columns={TOTAL_COLUMNS}
      rows={plan.totals}
      keyOf={(row) => `${row.reason} ${row.when}`}
      sortName="totals"
      empty="Nothing is to go: all that is here is needed."
    />
  );
}

// --- the things themselves

// Where a thing is looked at; blobs and what has no name have no page of their own.
function linkOfItem(item: PlanItem): string | null {
  if (item.kind === "tag" || item.kind === "manifest") return item.repository ? linkOf(item.what) : null;
  if (item.kind === "mirror" || item.kind === "download") return item.route ? linkOf(item.route) : null;
  if (item.kind === "upload") return pageLink("doings");
  return null;
}

function What({ item }: { item: PlanItem }): JSX.Element {
  const link = linkOfItem(item);
  const under = item.under ?? [];
  const total = item.under_total ?? under.length;
  return (
    <>
      {link === null ? <ImageName of={item.what} /> : <a href={link}><ImageName of={item.what} /></a>}
      {total > 0 && (
        <details class="along">
          <summary>{format.count(total, "thing goes", "things go")} along</summary>
          <ul>
            {under.map((thing) => (
              <li key={thing.digest}>
                {format.tame(thing.kind, 40)} <Digest of={thing.digest} /> <Bytes of={thing.bytes} />
              </li>
            ))}
            {total > under.length && <li class="note">and {format.grouped(total - under.length)} more</li>}
          </ul>
        </details>
      )}
    </>
  );
}

function When({ item }: { item: PlanItem }): JSX.Element {
  if (!item.at) return <span class="when">{format.tame(item.when, 60)}</span>;
  return (
    <span class="when">
      {item.when === "if room is needed" && "not before "}
      <Time at={item.at} as="clock" /> <span class="note"><Time at={item.at} /></span>
    </span>
  );
}

const COLUMNS: Column<PlanItem>[] = [
  { name: "What", isWide: true, sortBy: (row) => row.what, cell: (row) => <What item={row} /> },
  { name: "Kind", isMinor: true, sortBy: (row) => row.kind, cell: (row) => format.tame(row.kind, 40) },
  { name: "Size", isNumber: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
  {
    name: "Age",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.age_s ?? null,
    cell: (row) =>
      row.age_s === undefined ? (
        <span class="unknown">–</span>
      ) : (
        <span class="figure" title={`${format.grouped(row.age_s)} s`}>
          {format.duration(row.age_s)}
        </span>
      ),
  },
  {
    name: "Why",
    isMinor: true,
    sortBy: (row) => row.why,
    cell: (row) => (
      <span class="why" title={REASONS[row.reason]}>
        <Words of={row.why} /> <span class="note">({format.tame(row.reason, 40)})</span>
      </span>
    ),
  },
  { name: "When", sortBy: (row) => row.at ?? null, cell: (row) => <When item={row} /> },
];

const SHOWN_FIRST = 50; // and as many more at each press: rows unfold, so they are not drawn in part

function Items({ group, items }: { group: Group; items: PlanItem[] }): JSX.Element {
  const [shown, setShown] = useState(SHOWN_FIRST);
  const mine = useMemo(() => items.filter((item) => item.when === group.when), [items, group]);
  const bytes = mine.reduce((sum, item) => sum + item.bytes, 0);
  const isEmpty = mine.length === 0;
  return (
    <Section
      title={group.title}
      more={
        isEmpty ? undefined : (
          <span class="note">
            {format.count(mine.length, "thing", "things")}, <Bytes of={bytes} />
          </span>
        )
      }
    >
      {isEmpty ? (
        <Empty>{group.none}</Empty>
      ) : (
        <>
          <p class="note">
            {group.words}{" "}
            {group.when === "never by itself" && (
              <>
                On the machine, <code>breakwater forget-route ROUTE</code> shows what it would delete, and asks.
              </>
            )}
          </p>
          <Table
            label={`What goes: ${group.title.toLowerCase()}`}
            columns={COLUMNS}
            rows={mine.slice(0, shown)}
            keyOf={(item) => `${item.kind} ${item.what}`}
            linkOf={linkOfItem}
            sortName={`sort-${group.when.split(" ")[0]}`}
          />
          {mine.length > shown && (
            <p class="note">
              The first {format.grouped(shown)} of {format.grouped(mine.length)}.{" "}
              <button type="button" class="small" onClick={() => setShown(shown + SHOWN_FIRST)}>
                Show more
              </button>
            </p>
          )}
        </>
      )}
    </Section>
  );
}
