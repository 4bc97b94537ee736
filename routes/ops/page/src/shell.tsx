// What surrounds every page: the search, the way around, one sentence of how it is, and whether its figures are
// of now.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAnswer } from "./api";
import type { Caller, Status } from "./answers";
import { useCaller } from "./caller";
import * as format from "./format";
import { KEYS, listenToKeys } from "./keys";
import { type Live, useLive } from "./live";
import { Dialog } from "./parts/dialog";
import { SignInPage, WhoIAm } from "./parts/sign_in";
import { State, useNow } from "./parts/value";
import { type PageName, go, pageLink, usePlace } from "./place";
import { Page } from "./pages/page";

const WAYS: readonly (readonly [PageName, string])[] = [
  ["home", "How it is"],
  ["saved", "Saved"],
  ["transfers", "Transfers"],
  ["upstreams", "Upstreams"],
  ["requests", "Requests"],
  ["disk", "Disk use"],
  ["next", "What goes next"],
  ["images", "Images"],
  ["caches", "Build caches"],
  ["connect", "Connect a client"],
  ["integrity", "Integrity"],
  ["doings", "Doings"],
  ["tokens", "Tokens"],
];

// What would only be refused is not offered.
function isOffered(page: PageName, caller: Caller | null): boolean {
  if (page === "tokens") return caller?.may_act === true;
  return page !== "next" || caller?.sees_all !== false;
}

function Search(): JSX.Element {
  const place = usePlace();
  const field = useRef<HTMLInputElement>(null);
  const words = place.page === "images" && place.image === null ? (place.query.get("q") ?? "") : "";
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = words;
  }, [words]);
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        go(pageLink("images", { q: field.current?.value.trim() ?? "" }));
      }}
    >
      <label class="hidden" for="search">
        Search images
      </label>
      <input
        ref={field}
        id="search"
        type="search"
        name="q"
        placeholder="Search images"
        autocomplete="off"
        spellcheck={false}
        maxLength={300}
        aria-keyshortcuts="/"
      />
    </form>
  );
}

// The sentence of state, and if nobody answers, since when.
function Sentence({ live }: { live: Live }): JSX.Element {
  const now = useNow(1000);
  const asked = useAnswer<Status>("status", {}, live.isConnected ? 0 : 5000);
  const told = live.summary ?? asked.answer;
  if (live.lostAt && !live.isConnected && now.getTime() - live.lostAt.getTime() > 1500) {
    const heard = live.heardAt ?? asked.at;
    return (
      <p class="sentence bad" role="status">
        <State tone="bad">
          {`Breakwater does not answer since ${format.seconds(live.lostAt)}. ` +
            (heard ? `The figures are those of ${format.seconds(heard)}. ` : "") +
            "It is tried again by itself."}
        </State>
      </p>
    );
  }
  if (!told)
    return (
      <p class="sentence" role="status">
        {asked.error ? <State tone="bad">{format.tame(asked.error.message)}</State> : <State tone="quiet">Asking…</State>}
      </p>
    );
  return (
    <p class={told.well ? "sentence well" : "sentence warn"} role="status">
      <State tone={told.well ? "well" : "warn"}>{format.withClocks(format.tame(told.sentence, 600), now)}</State>
      {live.isOld && (
        <span class="old-page">
          Breakwater is another version now, and this page that of before.{" "}
          <button type="button" class="small" onClick={() => location.reload()}>
            Load it anew
          </button>
        </span>
      )}
    </p>
  );
}

function Keys({ onClose }: { onClose: () => void }): JSX.Element {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-foot">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

export function Shell(): JSX.Element {
  const place = usePlace();
  const live = useLive();
  const caller = useCaller();
  const mayLook = caller?.may_look !== false;
  const [hasKeys, showKeys] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);

  useEffect(() => listenToKeys(() => showKeys(true)), []);
  // Who reads by ear or walks by keys is led to what has changed.
  const where = `${place.page} ${place.image?.route ?? ""}/${place.image?.repository ?? ""}${place.image?.reference ?? ""}`;
  useEffect(() => {
    setOpen(false);
    if (isFirst.current) isFirst.current = false;
    else main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }, [where]);

  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={() => main.current?.focus()}>
        To the content
      </a>
      <header class="top">
        <a class="brand" href="/">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M3 20c3.200 0 3.200-3 6.500-3s3.200 3 6.500 3 3.200-3 6.500-3 3.200 3 6.500 3" />
            <path d="M3 26c3.200 0 3.200-3 6.500-3s3.200 3 6.500 3 3.200-3 6.500-3 3.200 3 6.500 3" />
            <path class="hull" d="M6 13h20l-3-7H9z" />
          </svg>
          Breakwater
        </a>
        {mayLook && <Search />}
        <WhoIAm />
        {mayLook && (
          <button type="button" class="menu" aria-expanded={isOpen} aria-controls="ways" onClick={() => setOpen(!isOpen)}>
            Menu
          </button>
        )}
      </header>
      {mayLook && (
        <nav id="ways" class={isOpen ? "ways open" : "ways"} aria-label="Pages">
          <ul>
            {WAYS.filter(([page]) => isOffered(page, caller)).map(([page, words]) => (
              <li key={page}>
                <a href={pageLink(page)} aria-current={place.page === page ? "page" : undefined}>
                  {words}
                </a>
              </li>
            ))}
          </ul>
          <button type="button" class="small keys-button" onClick={() => showKeys(true)}>
            Keys <kbd>?</kbd>
          </button>
        </nav>
      )}
      <main id="main" ref={main} tabIndex={-1}>
        {mayLook ? (
          <>
            <Sentence live={live} />
            <Page place={place} />
          </>
        ) : (
          <SignInPage />
        )}
      </main>
      {hasKeys && <Keys onClose={() => showKeys(false)} />}
    </div>
  );
}
