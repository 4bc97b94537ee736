// What pages are put together of: sections with a heading, what stands in place of what is not there, errors.
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Asked } from "../api";
import * as format from "../format";

// The heading of the page, which the title of the window says too.
export function Heading({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  useEffect(() => {
    document.title = title === "Breakwater" ? title : `${format.tame(title, 120)} – Breakwater`;
  }, [title]);
  return (
    <header class="heading">
      <h1 tabIndex={-1}>
        <bdi>{format.tame(title)}</bdi>
      </h1>
      {children}
    </header>
  );
}

interface SectionProps {
  title: string;
  id?: string;
  more?: ComponentChildren; // beside the title: a link, a choice
  children: ComponentChildren;
  wide?: boolean;
}

export function Section({ title, id, more, children, wide = false }: SectionProps): JSX.Element {
  const name = id ?? title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return (
    <section class={wide ? "section wide" : "section"} aria-labelledby={`${name}-title`}>
      <div class="section-head">
        <h2 id={`${name}-title`}>{title}</h2>
        {more}
      </div>
      {children}
    </section>
  );
}

// What is said where there is nothing yet, and what to do first.
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

// The room that an answer will take, so that nothing jumps when it comes.
export function Waiting({ rows = 5 }: { rows?: number }): JSX.Element {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

// What was asked: the rest is drawn with the answer; an error is said above what is still known.
export function Answered<T>(props: {
  asked: Asked<T>;
  rows?: number;
  children: (answer: T) => ComponentChildren;
}): JSX.Element {
  const { asked, rows = 5, children } = props;
  return (
    <>
      {asked.error && (
        <p class="failure" role="alert">
          <bdi>{format.tame(asked.error.message, 1000)}</bdi>{" "}
          <button type="button" class="small" onClick={asked.again}>
            Ask again
          </button>
        </p>
      )}
      {asked.answer !== null ? children(asked.answer) : !asked.error && <Waiting rows={rows} />}
    </>
  );
}

// Words and what they are, one below the other.
export function Facts({ of }: { of: [string, ComponentChildren][] }): JSX.Element {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

// Large figures in a row.
export function Figures({ of }: { of: { name: string; value: ComponentChildren; note?: ComponentChildren }[] }): JSX.Element {
  return (
    <dl class="figures">
      {of.map(({ name, value, note }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {note !== undefined && <dd class="note">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

// One of a few: a row of links or buttons of which one is chosen.
export function Choice<T extends string>(props: {
  label: string;
  of: readonly (readonly [T, string])[];
  chosen: T;
  onChoose: (value: T) => void;
}): JSX.Element {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.of.map(([value, words]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.chosen}
          onClick={() => props.onChoose(value)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}
