// What the pages of routes, repositories and images share.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useAnswer } from "../api";
import type { RouteStatus, Status } from "../answers";
import * as format from "../format";
import { Bar, Bytes, Words } from "../parts/value";
import { linkOf, pageLink } from "../place";

// "mirror of docker.io"
export function kindWords(route: { kind: string; registry?: string }): string {
  if (route.kind === "mirror" && route.registry) return `mirror of ${route.registry}`;
  if (route.kind === "left") return "not configured any more";
  return route.kind === "any" ? "mirror of any registry" : route.kind;
}

const MEDIA: Record<string, string> = {
  "application/vnd.oci.image.index.v1+json": "OCI index",
  "application/vnd.oci.image.manifest.v1+json": "OCI manifest",
  "application/vnd.docker.distribution.manifest.list.v2+json": "Docker manifest list",
  "application/vnd.docker.distribution.manifest.v2+json": "Docker manifest",
  "application/vnd.docker.distribution.manifest.v1+prettyjws": "Docker manifest of the old schema 1",
};

// A media type as people call it, with the whole as title.
export function MediaType({ of }: { of: string | undefined }): JSX.Element {
  const words = of === undefined ? undefined : MEDIA[of];
  if (words === undefined) return <Words of={of} />;
  return <span title={of}>{words}</span>;
}

// What status says of a route; null while it is not known, or for one that is not configured.
export function useRoute(name: string): { route: RouteStatus | null; isKnown: boolean } {
  const { answer } = useAnswer<Status>("status");
  return { route: answer?.routes.find((route) => route.name === name) ?? null, isKnown: answer !== null };
}

// A route's kind as doings distinguish it.
export function doingKind(route: RouteStatus | null): string {
  if (!route) return "";
  return route.kind === "registry" ? "registry" : "mirror";
}

export function Crumbs({ of }: { of: string[] }): JSX.Element {
  return (
    <nav class="crumbs" aria-label="Where this is">
      <a href={pageLink("images")}>Images</a>
      {of.map((name, index) => (
        <span key={name}>
          {" / "}
          <a href={linkOf(name)}>
            <bdi>{format.tame(index === 0 ? name : name.slice(name.indexOf("/") + 1))}</bdi>
          </a>
        </span>
      ))}
    </nav>
  );
}

// How much of an image is here; a mirror fetches only what is asked for.
export function Here(props: { bytes: number; here: number; missing: number; atLeast?: boolean; withBar?: boolean }): JSX.Element {
  const { bytes, here, missing } = props;
  const share = bytes > 0 ? here / bytes : 0;
  if (missing === 0) return <span class="here">all</span>;
  const words = `${format.bytes(here)} of ${props.atLeast ? "at least " : ""}${format.bytes(bytes)} here, ${format.grouped(missing)} missing`;
  return (
    <span class="here">
      {props.withBar && <Bar share={share} label={words} tone="busy" />} <span title={words}>{format.percent(share)}</span>
    </span>
  );
}

export function Stored({ bytes, max }: { bytes: number; max?: number | undefined }): JSX.Element {
  if (max === undefined) return <Bytes of={bytes} />;
  const share = max > 0 ? bytes / max : 0;
  const words = `${format.bytes(bytes)} of ${format.bytes(max)}`;
  return (
    <span class="stored">
      <Bar share={share} label={words} tone={share > 0.98 ? "warn" : "well"} />{" "}
      <span class="figure" title={`${format.exactBytes(bytes)} of ${format.exactBytes(max)}`}>
        {words}
      </span>
    </span>
  );
}

// Names and values of strangers. Nothing in them becomes a link: where it would lead is for the reader to judge.
export function Texts({ of, label }: { of: Record<string, string>; label: string }): JSX.Element {
  const entries = Object.entries(of);
  return (
    <div class="table-room" role="region" aria-label={label} tabIndex={0}>
      <table class="texts">
        <caption class="hidden">{label}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {entries.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">
                <Words of={name} />
              </th>
              <td>
                <Words of={value} max={600} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Failed({ words, again }: { words: string; again: () => void }): JSX.Element {
  return (
    <p class="failure" role="alert">
      <bdi>{format.tame(words, 1000)}</bdi>{" "}
      <button type="button" class="small" onClick={again}>
        Ask again
      </button>
    </p>
  );
}

// The end of a list that comes in pages: more as one comes near, and a button for who walks by keys.
export function ListEnd(props: {
  more: (() => void) | null;
  isAsking: boolean;
  all: boolean; // go on until the end by itself
  children: ComponentChildren; // how many there are
}): JSX.Element {
  const end = useRef<HTMLDivElement>(null);
  const { more, all } = props;
  useEffect(() => {
    if (!end.current || !more) return undefined;
    if (all) {
      more();
      return undefined;
    }
    const seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
      rootMargin: "800px",
    });
    seen.observe(end.current);
    return () => seen.disconnect();
  }, [more !== null, all]);
  return (
    <div ref={end} class="list-end">
      <p class="note" role="status">
        {props.children}
      </p>
      {(more || props.isAsking) && (
        <button type="button" class="small" disabled={!more} onClick={() => more?.()}>
          {more ? "More" : "Asking…"}
        </button>
      )}
    </div>
  );
}

// A field that filters what is listed.
export function FilterField(props: { label: string; value: string; onChange: (value: string) => void }): JSX.Element {
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        {props.label}
        <input
          type="search"
          value={props.value}
          autocomplete="off"
          spellcheck={false}
          maxLength={300}
          onInput={(event) => props.onChange(event.currentTarget.value)}
        />
      </label>
    </form>
  );
}
