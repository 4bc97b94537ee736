// What can be done with an image, a repository or all of a route, each with what its dry run says.
import type { JSX } from "preact";
import * as format from "../format";
import { type Doing, DoingButton } from "../parts/doing";
import { Facts } from "../parts/frame";
import { Bytes, Digest, Time, Words } from "../parts/value";
import { linkOf } from "../place";
import type { PinTold, RefreshTold, RemovalTold } from "./images_answers";

const SHOWN_MAX = 20;

interface Gone {
  text: string;
  link?: string;
  bytes?: number;
  beside?: JSX.Element;
}

function Listed({ title, of, total }: { title: string; of: Gone[]; total: number }): JSX.Element | null {
  if (of.length === 0) return null;
  return (
    <details open={of.length <= 6}>
      <summary>
        {title}: {format.grouped(total)}
      </summary>
      <ul class="goes">
        {of.slice(0, SHOWN_MAX).map(({ text, link, bytes, beside }) => (
          <li key={text}>
            {link ? (
              <a href={link}>
                <Words of={text} />
              </a>
            ) : (
              <Words of={text} />
            )}
            {bytes !== undefined && <Bytes of={bytes} />}
            {beside}
          </li>
        ))}
        {total > Math.min(SHOWN_MAX, of.length) && (
          <li class="note">and {format.grouped(total - Math.min(SHOWN_MAX, of.length))} more</li>
        )}
      </ul>
    </details>
  );
}

function Removal({ of }: { of: RemovalTold }): JSX.Element {
  return (
    <div class="removal">
      <p>
        <Words of={of.words} max={1000} />
      </p>
      <Facts of={[["Room that it frees", <Bytes of={of.freed_bytes} />]]} />
      <Listed
        title="Tags"
        total={of.totals.tags}
        of={of.tags.map(({ image }) => ({ text: image, link: linkOf(image) }))}
      />
      <Listed
        title="Manifests"
        total={of.totals.manifests}
        of={of.manifests.map(({ image, bytes, goes_after }) => ({
          text: image,
          link: linkOf(image),
          bytes,
          ...(goes_after
            ? {
                beside: (
                  <span class="note">
                    goes <Time at={goes_after} />
                  </span>
                ),
              }
            : {}),
        }))}
      />
      <Listed title="Layers and configs" total={of.totals.blobs} of={of.blobs.map(({ digest, bytes }) => ({ text: digest, bytes }))} />
      <Listed
        title="Stays"
        total={of.totals.stays}
        of={of.stays.map(({ image, bytes, because }) => ({
          text: image,
          bytes,
          beside: (
            <span class="note">
              <Words of={because} />
            </span>
          ),
        }))}
      />
      {of.cut && <p class="note">There is more: do it again when this is done.</p>}
    </div>
  );
}

function isWorth(of: RemovalTold): boolean {
  return of.totals.tags + of.totals.manifests + of.totals.blobs > 0;
}

// What has changed by it.
export type Change = "gone" | "pinned" | "unpinned" | "refreshed";
type OnChange = (change: Change) => void;

function removal(kind: string, what: string, onChange: OnChange): Doing<RemovalTold> {
  const isMirror = kind === "mirror";
  return {
    path: isMirror ? "purge" : "remove",
    body: { what },
    verb: isMirror ? "Purge" : "Delete",
    title: isMirror ? `Purge ${what}: fetched anew at its next pull` : `Delete ${what}`,
    isDangerous: true,
    takesLong: true,
    preview: (answer) => <Removal of={answer} />,
    isWorth,
    onDone: () => onChange("gone"),
  };
}

function pin(what: string, isPinned: boolean, onChange: OnChange): Doing<PinTold> {
  return {
    path: isPinned ? "unpin" : "pin",
    body: { what },
    verb: isPinned ? "Unpin" : "Pin",
    title: isPinned ? `Unpin ${what}` : `Pin ${what}: it stays, whatever room is needed`,
    preview: (answer) => (
      <p>
        <Words of={answer.words} max={1000} />
      </p>
    ),
    isWorth: (answer) => answer.changed,
    onDone: () => onChange(isPinned ? "unpinned" : "pinned"),
  };
}

function refresh(image: string, onChange: OnChange): Doing<RefreshTold> {
  return {
    path: "refresh",
    body: { image },
    verb: "Refresh",
    title: `Ask upstream now what ${image} is`,
    preview: (answer) => (
      <p>{answer.before ? <>It is {<Digest of={answer.before} />} as far as is known here.</> : "It is not known here yet."}</p>
    ),
    done: (answer) =>
      answer.changed ? (
        <p>
          It has changed: from {answer.before ? <Digest of={answer.before} /> : "nothing"} to{" "}
          {answer.digest ? <Digest of={answer.digest} /> : "nothing"}.
        </p>
      ) : (
        <p>It is the same as before.</p>
      ),
    onDone: () => onChange("refreshed"),
  };
}

interface DoingsProps {
  what: string; // "dockerhub/library/alpine:3.20"
  kind: string; // of the route; "" while that is not known
  isTag: boolean;
  isPinned: boolean;
  onChange: OnChange;
}

// The buttons; none for who may do nothing. A mirror's images are refreshed, pinned and purged, a registry's are
// pinned and deleted.
export function ImageDoings({ what, kind, isTag, isPinned, onChange }: DoingsProps): JSX.Element {
  if (kind === "") return <span class="doings" />;
  const isMirror = kind === "mirror";
  return (
    <span class="doings">
      {isMirror && isTag && <DoingButton of={refresh(what, onChange)} />}
      <DoingButton of={pin(what, isPinned, onChange)} />
      <DoingButton of={removal(kind, what, onChange)} />
    </span>
  );
}
