// Whether what is stored is whole: when all of it was looked at, how far the look of now is, what is broken,
// which tags that breaks, and how it heals.
import type { JSX } from "preact";
import { useAnswer } from "../api";
import type { BrokenThing, Integrity, RouteStatus, Status } from "../answers";
import * as format from "../format";
import { Answered, Empty, Facts, Heading, Section } from "../parts/frame";
import { NameLink } from "../parts/name";
import { type Column, Table } from "../parts/table";
import { Bar, Bytes, Digest, State, Time, Words, useNow } from "../parts/value";
import { linkOf } from "../place";
import { KINDS, integrityState, isUnchecked } from "./integrity_words";

function Pass({ of }: { of: Integrity }): JSX.Element {
  const { pass } = of;
  if (!pass)
    return <span>{of.last_full_pass_at ? "none is under way: the next begins ten minutes after the last" : "none is under way yet"}</span>;
  const share = pass.bytes_total > 0 ? pass.bytes / pass.bytes_total : 1;
  const words = `${format.percent(share)}: about ${format.bytes(pass.bytes)} of ${format.bytes(pass.bytes_total)}`;
  return (
    <>
      <Bar share={share} label={words} tone="busy" /> {words}
    </>
  );
}

function Looks({ of, now }: { of: Integrity; now: Date }): JSX.Element {
  const state = integrityState(of, now);
  return (
    <div class="looks">
      <p class="large-state">
        <State tone={state.tone}>{state.words}</State>
      </p>
      {isUnchecked(of) && (
        <p class="integrity-unchecked">
          So nobody knows yet whether all of it is right. The first look begins by itself; until it has passed, only what
          clients read is checked.
        </p>
      )}
      <Facts
        of={[
          ["Last full pass", of.last_full_pass_at ? <Time at={of.last_full_pass_at} /> : <span>not one has ended yet</span>],
          ["This pass", <Pass of={of} />],
          ["Read again", <><Bytes of={of.scrubbed_bytes} /> since the start</>],
        ]}
      />
    </div>
  );
}

const COLUMNS: Column<BrokenThing>[] = [
  {
    name: "What",
    sortBy: (row) => KINDS[row.kind] ?? row.kind,
    cell: (row) => (
      <>
        <State tone="bad">{KINDS[row.kind] ?? format.tame(row.kind, 60)}</State>
        <br />
        {row.what !== row.digest && (
          <>
            <NameLink of={row.what} />{" "}
          </>
        )}
        <Digest of={row.digest} />
      </>
    ),
  },
  { name: "Tags that it breaks", cell: (row) => <Tags of={row} /> },
  { name: "Since", sortBy: (row) => row.since ?? null, cell: (row) => <Time at={row.since} /> },
  { name: "What heals it", isWide: true, cell: (row) => <Words of={row.do} max={300} /> },
];

function Tags({ of }: { of: BrokenThing }): JSX.Element {
  const tags = of.tags ?? [];
  if (tags.length === 0)
    return (
      <>
        {"none that is known"}
        {(of.routes ?? []).map((route) => (
          <span key={route}>
            {" of "}
            <NameLink of={route} />
          </span>
        ))}
      </>
    );
  return (
    <ul>
      {tags.map((tag) => (
        <li key={tag}>
          <NameLink of={tag} />
        </li>
      ))}
      {of.more_tags && <li class="note">and more</li>}
    </ul>
  );
}

// What a version says that names no things, only how many there are.
function ByRoute({ routes }: { routes: RouteStatus[] }): JSX.Element {
  return (
    <>
      <ul>
        {routes
          .filter((route) => route.broken > 0)
          .map((route) => (
            <li key={route.name}>
              <a href={linkOf(route.name)}>{format.tame(route.name, 100)}</a>: {format.count(route.broken, "thing", "things")}
            </li>
          ))}
      </ul>
      <p class="note">
        The log names each of them and its tags (<code>integrity_broken</code>).
      </p>
    </>
  );
}

function BrokenThings({ status }: { status: Status }): JSX.Element {
  const { broken, broken_things } = status.integrity;
  if (broken === 0 && !broken_things?.length)
    return (
      <Empty>
        {isUnchecked(status.integrity)
          ? "Nothing is known to be broken, because nothing was looked at yet."
          : "Nothing. What is found broken stands here, with the tags that it breaks and what to do."}
      </Empty>
    );
  if (!broken_things?.length) return <ByRoute routes={status.routes} />;
  return (
    <>
      <Table label="Things that are broken" columns={COLUMNS} rows={broken_things} keyOf={(row) => `${row.kind} ${row.what} ${row.digest}`} />
      {broken > broken_things.length && (
        <p class="note">
          And {format.grouped(broken - broken_things.length)} more, which the log names (<code>integrity_broken</code>).
        </p>
      )}
    </>
  );
}

function Healing(): JSX.Element {
  return (
    <ul class="points">
      <li>
        All that is stored is read again, all the time, slowly enough that nobody waits for it, and each reference is
        followed: tag, index, manifest, blob.
      </li>
      <li>No byte that is not right is sent to anybody meanwhile.</li>
      <li>What a mirror has wrong is dropped, and fetched anew when somebody asks for it: there is nothing to do.</li>
      <li>
        What a registry has wrong is not there for clients any more, so that whoever still has the image and pushes one
        of its tags sends just what is missing. It is whole again at once.
      </li>
    </ul>
  );
}

export function IntegrityPage(): JSX.Element {
  const status = useAnswer<Status>("status", {}, 5000);
  const now = useNow();
  return (
    <>
      <Heading title="Integrity" />
      <Answered asked={status} rows={14}>
        {(answer) => (
          <>
            <div class="sections">
              <Section title="Is all of it right?">
                <Looks of={answer.integrity} now={now} />
              </Section>
              <Section title="How it heals">
                <Healing />
              </Section>
            </div>
            <Section title="What is broken">
              <BrokenThings status={answer} />
            </Section>
          </>
        )}
      </Answered>
    </>
  );
}
