// A few doings, each with the preview that a dry run gives. Nothing is offered to whom may not do it.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Asked, useAnswer } from "../api";
import type {
  Fetched,
  Pinned,
  Pins,
  Refreshed,
  Reloaded,
  Removal,
  Status,
  UploadAborted,
  UploadListed,
  UploadsListed,
} from "../answers";
import { useCaller } from "../caller";
import * as format from "../format";
import { type Doing, DoingButton, DoingDialog } from "../parts/doing";
import { Answered, Heading, Section } from "../parts/frame";
import { ImageName } from "../parts/image_name";
import { type Column, Table } from "../parts/table";
import { Bytes, Digest, State, Time, Words } from "../parts/value";
import { goQuery, linkOf, pageLink, usePlace } from "../place";

export function DoingsPage(): JSX.Element {
  const caller = useCaller();
  const status = useAnswer<Status>("status", {}, 5000);
  const pins = useAnswer<Pins>("pins", {}, 30_000);
  const uploads = useAnswer<UploadsListed>("uploads", {}, 5000);
  const may = caller?.may_act === true;
  return (
    <>
      <Heading title="Doings" />
      <WhoMay />
      <div class="sections">
        {may && (
          <>
            <Section title="Fetch beforehand">
              <Fetch />
            </Section>
            <Section title="Images">
              <OfImages onPinned={pins.again} />
            </Section>
          </>
        )}
        <Section title="How it serves">
          <Serving asked={status} may={may} />
        </Section>
        <Section title="Pinned">
          <PinList asked={pins} may={may} />
        </Section>
        <Section title="Uploads" wide>
          <UploadList asked={uploads} />
        </Section>
      </div>
    </>
  );
}

function WhoMay(): JSX.Element {
  const caller = useCaller();
  return (
    <p class="who-may" role="status">
      {caller === null ? (
        <State tone="quiet">Asking what you may do…</State>
      ) : caller.may_act ? (
        <>
          <State tone="well">{`You are ${format.tame(caller.user ?? caller.client, 80)}, and may do these.`}</State>{" "}
          <span class="note">
            Each shows first what it would do, and is a line of the audit log: who, what, when, from where.
          </span>
        </>
      ) : (
        <>
          <State tone="quiet">{`You are ${format.tame(caller.user ?? caller.client, 80)}, and may look only.`}</State>{" "}
          <span class="note">
            {caller.why_not ? (
              <Words of={caller.why_not} max={500} />
            ) : (
              "Who may do is said by “admin” of the configuration; the command line on the machine may, too."
            )}
          </span>
        </>
      )}
    </p>
  );
}

// --- what a dry run says, and what was done

function Said({ words }: { words: string }): JSX.Element {
  return (
    <p class="said">
      <Words of={words} max={1000} />
    </p>
  );
}

const LISTED = 20;

function More({ of, shown }: { of: number; shown: number }): JSX.Element | null {
  return of > shown ? <li class="note">and {format.grouped(of - shown)} more</li> : null;
}

// Also for the pages of images, which delete and purge too.
export function removalTold(removal: Removal): JSX.Element {
  const { totals } = removal;
  return (
    <div class="told">
      <Said words={removal.words} />
      {removal.freed_bytes > 0 && (
        <p>
          {removal.dry_run ? "It would give back " : "It gives back "}
          <Bytes of={removal.freed_bytes} /> on the disk
          {removal.kind === "registry" && ", when the last of it has gone"}.
        </p>
      )}
      {removal.tags.length > 0 && (
        <>
          <h3>{removal.dry_run ? "Would go" : "Gone"}</h3>
          <ul>
            {removal.tags.slice(0, LISTED).map((tag) => (
              <li key={tag.image}>
                <Words of={tag.image} />
                {tag.belongs && <span class="note"> (belongs to another that goes)</span>}
              </li>
            ))}
            <More of={totals.tags} shown={Math.min(LISTED, removal.tags.length)} />
          </ul>
        </>
      )}
      {removal.stays.length > 0 && (
        <>
          <h3>Stays</h3>
          <ul>
            {removal.stays.slice(0, LISTED).map((thing) => (
              <li key={`${thing.kind} ${thing.image}`}>
                <ImageName of={thing.image} /> <span class="note">because <Words of={thing.because} /></span>
              </li>
            ))}
            <More of={totals.stays} shown={Math.min(LISTED, removal.stays.length)} />
          </ul>
        </>
      )}
      {removal.cut && <p class="note">There is more than one call takes: do it again for the rest.</p>}
    </div>
  );
}

export function pinTold(pinned: Pinned): JSX.Element {
  return (
    <div class="told">
      <Said words={pinned.words} />
    </div>
  );
}

export function refreshTold(refreshed: Refreshed): JSX.Element {
  return (
    <div class="told">
      <p>
        <Words of={refreshed.image} />
      </p>
      {refreshed.dry_run ? (
        <p>
          Upstream would be asked now what it names.{" "}
          {refreshed.before ? (
            <>
              Here it names <Digest of={refreshed.before} />.
            </>
          ) : (
            "Here it is not known yet."
          )}
        </p>
      ) : refreshed.changed && refreshed.digest ? (
        <p>
          It names another image now: <Digest of={refreshed.digest} />
          {refreshed.before && (
            <>
              , before <Digest of={refreshed.before} />
            </>
          )}
          .
        </p>
      ) : (
        <p>Upstream says the same as before{refreshed.digest && <>: <Digest of={refreshed.digest} /></>}.</p>
      )}
    </div>
  );
}

function fetchTold(fetched: Fetched): JSX.Element {
  return (
    <div class="told">
      {!fetched.dry_run && (
        <p>
          <Bytes of={fetched.bytes} /> fetched; {format.count(fetched.failed, "image", "images")} failed.
        </p>
      )}
      <ul>
        {fetched.images.slice(0, 200).map((image) => (
          <li key={image.image}>
            <Words of={image.image} />{" "}
            {image.error ? (
              <span class="fetch-error">
                ■ <Words of={image.error} max={500} />
              </span>
            ) : fetched.dry_run ? (
              <span class="note">{image.held ? "its manifest is here; what lacks would be fetched" : "would be fetched"}</span>
            ) : (
              <span class="note">
                {format.count(image.downloaded_blobs ?? 0, "blob", "blobs")} fetched of {format.grouped(image.blobs ?? 0)},{" "}
                {format.bytes(image.bytes ?? 0)}
              </span>
            )}
          </li>
        ))}
        <More of={fetched.images.length} shown={Math.min(200, fetched.images.length)} />
      </ul>
    </div>
  );
}

// --- fetch

function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

// One a line; what stands behind a # is a remark.
function imagesOf(text: string): string[] {
  return [...new Set(text.split("\n").flatMap((line) => wordsOf(line.replace(/#.*$/, ""))))];
}

function Fetch(): JSX.Element {
  const [text, setText] = useState("");
  const [platforms, setPlatforms] = useState("");
  const [doing, setDoing] = useState<Doing<Fetched> | null>(null);
  const images = imagesOf(text);
  return (
    <form
      class="doing-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (images.length === 0) return;
        const of = wordsOf(platforms);
        setDoing({
          path: "fetch",
          body: of.length > 0 ? { image: images, platform: of } : { image: images },
          verb: "Fetch",
          title: images.length === 1 ? `Fetch ${format.tame(images[0] ?? "", 200)}` : `Fetch ${images.length} images`,
          takesLong: true,
          preview: fetchTold,
        });
      }}
    >
      <p class="note">So that the first pull of them asks nobody upstream. What is here already is not fetched again.</p>
      <label>
        Images, one a line
        <textarea
          rows={5}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          placeholder={"alpine:3.20\nghcr.io/org/app:1"}
          spellcheck={false}
          required
        />
      </label>
      <label>
        Platforms; none: all of each image
        <input
          value={platforms}
          onInput={(event) => setPlatforms(event.currentTarget.value)}
          placeholder="linux/amd64, linux/arm64"
          spellcheck={false}
          autocomplete="off"
        />
      </label>
      <div class="doing-foot">
        <button type="submit">{images.length > 1 ? `Fetch ${format.grouped(images.length)} images…` : "Fetch…"}</button>
      </div>
      {doing && <DoingDialog of={doing} onClose={() => setDoing(null)} />}
    </form>
  );
}

// --- images

interface Verb {
  name: "remove" | "purge" | "refresh" | "pin";
  words: string; // of its choice
  what: string; // of its field
  example: string;
  note: string;
}

const VERBS: readonly Verb[] = [
  {
    name: "remove",
    words: "Delete",
    what: "Image or repository of a registry",
    example: "private/team/app:1.2",
    note: "Of a registry of your own. What clients were told of stays for its lease; what others need stays.",
  },
  {
    name: "purge",
    words: "Purge",
    what: "Image, repository or route of a mirror",
    example: "dockerhub/library/alpine:3.20",
    note: "Of a mirror. It is fetched anew the next time that somebody asks.",
  },
  {
    name: "refresh",
    words: "Refresh",
    what: "Tag of a mirror",
    example: "dockerhub/library/alpine:3.20",
    note: "Asks upstream now what the tag names, whatever its age.",
  },
  {
    name: "pin",
    words: "Pin",
    what: "Image, repository or pattern of a mirror",
    example: "dockerhub/library/*",
    note: "A pinned image is not evicted, whatever room is needed. * stands for any characters.",
  },
];

function doingOf(verb: Verb, what: string, onPinned: () => void): Doing<Removal> | Doing<Refreshed> | Doing<Pinned> {
  const title = `${verb.words} ${format.tame(what, 200)}`;
  if (verb.name === "refresh")
    return { path: "refresh", body: { image: what }, verb: verb.words, title, preview: refreshTold };
  if (verb.name === "pin")
    return {
      path: "pin",
      body: { what },
      verb: verb.words,
      title,
      preview: pinTold,
      isWorth: (pinned: Pinned) => pinned.changed,
      onDone: onPinned,
    };
  return { path: verb.name, body: { what }, verb: verb.words, title, isDangerous: true, preview: removalTold };
}

// `do` and `what` of the query fill the form: a link may lead here with an image.
function OfImages({ onPinned }: { onPinned: () => void }): JSX.Element {
  const { query } = usePlace();
  const verb = VERBS.find((one) => one.name === query.get("do")) ?? (VERBS[0] as Verb);
  const what = query.get("what") ?? "";
  const field = useRef<HTMLInputElement>(null);
  const [opened, setOpened] = useState<string | null>(null);
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = what;
  }, [what]);
  const doing = useMemo(() => (opened === null ? null : doingOf(verb, opened, onPinned)), [opened, verb]);
  return (
    <form
      class="doing-form"
      onSubmit={(event) => {
        event.preventDefault();
        const typed = field.current?.value.trim() ?? "";
        goQuery({ what: typed });
        if (typed !== "") setOpened(typed);
      }}
    >
      <div class="choice" role="group" aria-label="What is done">
        {VERBS.map((one) => (
          <button
            key={one.name}
            type="button"
            aria-pressed={one === verb}
            onClick={() => goQuery({ do: one.name, what: field.current?.value.trim() ?? "" })}
          >
            {one.words}
          </button>
        ))}
      </div>
      <p class="note doing-note">{verb.note}</p>
      <label>
        {verb.what}
        <input ref={field} placeholder={verb.example} maxLength={600} spellcheck={false} autocomplete="off" required />
      </label>
      <div class="doing-foot">
        <button type="submit" class={verb.name === "remove" || verb.name === "purge" ? "danger" : ""}>
          {verb.words}…
        </button>
        <span class="note">
          or find it by <a href={pageLink("images")}>images</a>
        </span>
      </div>
      {doing && <DoingDialog of={doing as Doing<unknown>} onClose={() => setOpened(null)} />}
    </form>
  );
}

// --- how it serves

function Serving({ asked, may }: { asked: Asked<Status>; may: boolean }): JSX.Element {
  return (
    <Answered asked={asked} rows={6}>
      {(status) => (
        <dl class="serving">
          <Mode
            name="Pushes and deletes"
            now={
              status.read_only ? (
                <State tone="warn">refused: registries are read-only</State>
              ) : (
                <State tone="well">taken</State>
              )
            }
            note="Read-only lets registries refuse pushes and deletes; pulls go on."
            doing={{
              path: "read-only",
              body: { state: status.read_only ? "off" : "on" },
              verb: status.read_only ? "Take them again" : "Make read-only",
              title: status.read_only ? "Take pushes and deletes again" : "Make registries read-only",
              preview: () =>
                status.read_only ? (
                  <p>Registries take pushes and deletes again.</p>
                ) : (
                  <p>
                    Registries refuse pushes and deletes, with the reason, until they are taken again. Pulls and mirrors
                    go on.
                  </p>
                ),
              onDone: asked.again,
            }}
          />
          <Mode
            name="New clients"
            now={
              status.draining ? (
                <State tone="warn">sent elsewhere: /readyz says 503</State>
              ) : (
                <State tone="well">asked for: /readyz says that it is ready</State>
              )
            }
            note="Draining lets a load balancer send nobody here; who comes is served still."
            doing={{
              path: "drain",
              body: { state: status.draining ? "off" : "on" },
              verb: status.draining ? "End draining" : "Drain",
              title: status.draining ? "Ask for clients again" : "Drain this machine",
              preview: () =>
                status.draining ? (
                  <p>/readyz says again whether it is ready.</p>
                ) : (
                  <p>/readyz says 503 from now on, so that a load balancer sends nobody. Who comes is served still.</p>
                ),
              onDone: asked.again,
            }}
          />
          <Mode
            name="Configuration"
            now={<>as of the last reload or start</>}
            note="Read anew and changed to without dropping a request; what is wrong with it changes nothing."
            doing={{
              path: "reload",
              body: {},
              verb: "Reload",
              title: "Reload the configuration",
              preview: (answer) => reloadTold(answer as Reloaded),
              onDone: asked.again,
            }}
          />
          {!may && (
            <div>
              <dd class="note">Who may do it finds its button here.</dd>
            </div>
          )}
        </dl>
      )}
    </Answered>
  );
}

function reloadTold(reloaded: Reloaded): JSX.Element {
  if (reloaded.changes.length === 0)
    return (
      <p>
        {reloaded.dry_run
          ? "Nothing would change but the secrets and certificates, which are read again."
          : "Nothing has changed but the secrets and certificates, which were read again."}
      </p>
    );
  return (
    <div class="told">
      <p>{reloaded.dry_run ? "This would change:" : "This has changed:"}</p>
      <ul>
        {reloaded.changes.map((change) => (
          <li key={change}>
            <Words of={change} max={1000} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Mode(props: { name: string; now: ComponentChildren; note: string; doing: Doing<unknown> }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.now}</dd>
      <dd class="note">{props.note}</dd>
      <dd>
        <DoingButton of={props.doing} />
      </dd>
    </div>
  );
}

// --- pins

type Pin = Pins["pins"][number];

// A pattern has no page of its own; its route has one.
function pinLink(what: string): string {
  return linkOf(what.includes("*") ? (what.split("/", 1)[0] ?? "") : what);
}

function pinColumns(onUnpinned: () => void, may: boolean): Column<Pin>[] {
  const columns: Column<Pin>[] = [
    {
      name: "What",
      isWide: true,
      sortBy: (row) => row.what,
      cell: (row) => (
        <a href={pinLink(row.what)}>
          <Words of={row.what} />
        </a>
      ),
    },
    { name: "Since", isNumber: true, sortBy: (row) => row.at ?? null, cell: (row) => <Time at={row.at} /> },
  ];
  if (!may) return columns;
  columns.push({
    name: "Unpin",
    isNumber: true,
    cell: (row) => (
      <DoingButton<Pinned>
        of={{
          path: "unpin",
          body: { what: row.what },
          verb: "Unpin",
          title: `Unpin ${format.tame(row.what, 200)}`,
          preview: pinTold,
          onDone: onUnpinned,
        }}
      />
    ),
  });
  return columns;
}

function PinList({ asked, may }: { asked: Asked<Pins>; may: boolean }): JSX.Element {
  const columns = useMemo(() => pinColumns(asked.again, may), [asked.again, may]);
  return (
    <Answered asked={asked} rows={4}>
      {(pins) => (
        <>
          {(pins.in_the_way ?? []).map((one) => (
            <p key={one.route} class="in-the-way">
              ▲ <Words of={one.words} max={500} />
            </p>
          ))}
          <Table
            label="What is pinned"
            columns={columns}
            rows={pins.pins}
            keyOf={(row) => row.what}
            sortName="pins"
            empty="Nothing is pinned. Pin the images that have to be here when upstream is not: of the nodes' start, of the CI."
          />
          {pins.pins.length > 0 && pins.pins_max !== undefined && (
            <p class="note">
              {format.grouped(pins.pins.length)} of at most {format.grouped(pins.pins_max)}
            </p>
          )}
        </>
      )}
    </Answered>
  );
}

// --- uploads

function stateOf(upload: UploadListed): JSX.Element {
  if (upload.refused) return <State tone="warn">refused for want of room</State>;
  if (upload.state === "open") return <State tone="busy">open</State>;
  if (upload.state === "broken off") return <State tone="warn">broken off</State>;
  return <State tone="quiet">{format.tame(upload.state ?? "not known", 40)}</State>;
}

const UPLOAD_COLUMNS: Column<UploadListed>[] = [
  {
    name: "Repository",
    isWide: true,
    sortBy: (row) => `${row.route}/${row.repository ?? ""}`,
    cell: (row) => {
      const name = row.repository ? `${row.route}/${row.repository}` : row.route;
      return (
        <a href={linkOf(name)}>
          <Words of={name} />
        </a>
      );
    },
  },
  { name: "State", sortBy: (row) => row.state ?? null, cell: stateOf },
  {
    name: "Client",
    isMinor: true,
    sortBy: (row) => row.client ?? null,
    cell: (row) =>
      row.client ? (
        <a class="address" href={pageLink("requests", { client: row.client })}>
          <Words of={row.client} />
        </a>
      ) : (
        <span class="unknown">–</span>
      ),
  },
  { name: "Size", isNumber: true, isMinor: true, sortBy: (row) => row.bytes, cell: (row) => <Bytes of={row.bytes} /> },
  { name: "Begun", isNumber: true, isMinor: true, sortBy: (row) => row.begun_at ?? null, cell: (row) => <Time at={row.begun_at} /> },
  {
    name: "Last byte",
    isNumber: true,
    isMinor: true,
    sortBy: (row) => row.last_byte_at ?? null,
    cell: (row) => <Time at={row.last_byte_at} />,
  },
];

// An open upload is somebody's who sends it now: it is not aborted.
function abortColumn(onDone: () => void): Column<UploadListed> {
  return {
    name: "Abort",
    isNumber: true,
    cell: (row) =>
      row.state === "open" ? (
        <span class="note">in use</span>
      ) : (
        <DoingButton<UploadAborted>
          of={{
            path: "abort-upload",
            body: { id: row.id },
            verb: "Abort",
            title: `Abort an upload to ${format.tame(row.repository ? `${row.route}/${row.repository}` : row.route, 200)}`,
            isDangerous: true,
            preview: (answer) => (
              <div class="told">
                {answer.words && <Said words={answer.words} />}
                <p>
                  {answer.dry_run ? "It would give back " : "It gave back "}
                  <Bytes of={answer.freed_bytes} />.
                </p>
              </div>
            ),
            onDone,
          }}
        />
      ),
  };
}

function UploadList({ asked }: { asked: Asked<UploadsListed> }): JSX.Element {
  const may = useCaller()?.may_act === true;
  const columns = useMemo(() => (may ? [...UPLOAD_COLUMNS, abortColumn(asked.again)] : UPLOAD_COLUMNS), [may, asked.again]);
  return (
    <Answered asked={asked} rows={4}>
      {(told) => (
        <>
          <Table
            label="Uploads that are open or broken off"
            columns={columns}
            rows={told.uploads}
            keyOf={(row) => row.id}
            sortName="uploads"
            empty="No upload is open, and none is broken off."
          />
          {told.left_out !== undefined && told.left_out > 0 && (
            <p class="note">{format.count(told.left_out, "other is", "others are")} not listed.</p>
          )}
        </>
      )}
    </Answered>
  );
}
