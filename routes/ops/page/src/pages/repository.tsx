// The tags of a repository.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { ask } from "../api";
import type { TagListed, TagsListed } from "../answers";
import * as format from "../format";
import { useCaller } from "../caller";
import { Empty, Heading, Waiting } from "../parts/frame";
import { type Column, Table, usePages } from "../parts/table";
import { Bytes, Time } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";
import { type Change, ImageDoings } from "./images_doings";
import { Crumbs, Failed, FilterField, Here, ListEnd, doingKind, useRoute } from "./images_parts";

const AT_ONCE = 250;

async function listed(name: string, after: string): Promise<{ rows: TagListed[]; next: string | null }> {
  const page = await ask<TagsListed>("images", { of: name, limit: AT_ONCE, after });
  return { rows: page.tags, next: page.last ?? null };
}

function ageOf(text: string | undefined): number | null {
  return format.timeOf(text)?.getTime() ?? null;
}

function columnsOf(name: string, kind: string, hasDoings: boolean, onChange: (tag: string, change: Change) => void): Column<TagListed>[] {
  const isMirror = kind === "mirror";
  const columns: Column<TagListed>[] = [
    {
      name: "Tag",
      cell: (row) => (
        <>
          <a href={linkOf(`${name}:${row.tag}`)} title={format.tame(row.tag, 300)}>
            <bdi>{format.tame(row.tag)}</bdi>
          </a>
          {row.pinned && <span class="pinned"> pinned</span>}
        </>
      ),
      sortBy: (row) => row.tag,
    },
    {
      name: "Digest",
      cell: (row) => (
        <a href={linkOf(`${name}@${row.digest}`)}>
          <code title={row.digest}>{format.tame(row.digest.replace(/^sha256:/, "").slice(0, 12), 20)}</code>
        </a>
      ),
      isMinor: true,
    },
    {
      name: "Size",
      cell: (row) => (
        <>
          {row.at_least ? "≥ " : ""}
          <Bytes of={row.bytes} />
        </>
      ),
      sortBy: (row) => row.bytes,
      isNumber: true,
    },
    {
      name: "Here",
      cell: (row) => <Here bytes={row.bytes} here={row.here_bytes} missing={row.missing} atLeast={row.at_least} />,
      sortBy: (row) => (row.bytes > 0 ? row.here_bytes / row.bytes : 1),
      isMinor: true,
    },
    {
      name: isMirror ? "Fetched" : "Pushed",
      cell: (row) => <Time at={row.set_at} />,
      sortBy: (row) => ageOf(row.set_at),
      isMinor: true,
    },
    {
      name: "Last pull",
      cell: (row) => (row.last_pulled_at ? <Time at={row.last_pulled_at} /> : <span class="note">never</span>),
      sortBy: (row) => ageOf(row.last_pulled_at),
      isMinor: true,
    },
  ];
  if (isMirror)
    columns.push({
      name: "Checked",
      cell: (row) => <Time at={row.checked_at} />,
      sortBy: (row) => ageOf(row.checked_at),
      isMinor: true,
    });
  if (hasDoings)
    columns.push({
      name: "Do",
      cell: (row) => (
        <ImageDoings
          what={`${name}:${row.tag}`}
          kind={kind}
          isTag
          isPinned={row.pinned}
          onChange={(change) => onChange(row.tag, change)}
        />
      ),
      isMinor: true,
    });
  return columns;
}

// Tags as they are after what was done to them here: a list of thousands is not asked for again, and stays where
// it is.
function changed(name: string, tags: TagListed[], changes: ReadonlyMap<string, Change>): TagListed[] {
  if (changes.size === 0) return tags;
  return tags
    .filter(({ tag }) => changes.get(`${name}:${tag}`) !== "gone")
    .map((row) => {
      const change = changes.get(`${name}:${row.tag}`);
      return change === "pinned" || change === "unpinned" ? { ...row, pinned: change === "pinned" } : row;
    });
}

export function RepositoryPage({ route, repository }: { route: string; repository: string }): JSX.Element {
  const name = `${route}/${repository}`;
  const filter = (usePlace().query.get("filter") ?? "").trim();
  const kind = doingKind(useRoute(route).route);
  const pages = usePages<TagListed>((after) => listed(name, after), name);
  const { again } = pages;
  const [changes, setChanges] = useState<ReadonlyMap<string, Change>>(new Map());
  const onChange = (tag: string, change: Change): void => {
    setChanges((before) => new Map(before).set(`${name}:${tag}`, change));
    if (change === "refreshed") again();
  };
  const tags = useMemo(() => changed(name, pages.rows, changes), [name, pages.rows, changes]);
  // Their column is there until it is known that one may do nothing: its room is not taken from the others later.
  const hasDoings = useCaller()?.may_act !== false;
  const columns = useMemo(() => columnsOf(name, kind, hasDoings, onChange), [name, kind, hasDoings]);
  const rows = useMemo(() => {
    const words = filter.toLowerCase();
    return filter === "" ? tags : tags.filter(({ tag }) => tag.toLowerCase().includes(words));
  }, [tags, filter]);
  const isDone = !pages.isAsking && pages.more === null;

  return (
    <>
      <Crumbs of={[route]} />
      <Heading title={name}>
        <div class="beside">
          <a href={pageLink("requests", { image: name })}>Its requests</a>
          <ImageDoings what={name} kind={kind} isTag={false} isPinned={false} onChange={again} />
        </div>
      </Heading>
      <section class="section tags" aria-label="Tags">
        <FilterField label="Only tags with" value={filter} onChange={(value) => goQuery({ filter: value }, "replace")} />
        {pages.error && <Failed words={pages.error.message} again={again} />}
        {rows.length > 0 ? (
          <Table
            label={`Tags of ${name}`}
            columns={columns}
            rows={rows}
            keyOf={(row) => row.tag}
            linkOf={(row) => linkOf(`${name}:${row.tag}`)}
          />
        ) : isDone && !pages.error ? (
          <Empty>
            {filter !== ""
              ? "None of its tags has such a name."
              : "No tag names anything here. What was pulled or pushed by digest alone has none."}
          </Empty>
        ) : (
          pages.isAsking && <Waiting rows={8} />
        )}
        {pages.rows.length > 0 && (
          <ListEnd more={pages.more} isAsking={pages.isAsking} all={filter !== ""}>
            {filter === "" ? "" : `${format.grouped(rows.length)} of `}
            {format.count(tags.length, "tag", "tags")}
            {isDone ? "" : " so far; a column sorts those"}
          </ListEnd>
        )}
      </section>
    </>
  );
}
