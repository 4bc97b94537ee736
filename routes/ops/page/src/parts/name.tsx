// The name of an image or repository, which may be long: its lines end behind its slashes where they can, and
// of a digest there is the beginning. The whole is its title.
import type { JSX } from "preact";
import * as format from "../format";
import { linkOf } from "../place";

export function Name({ of, max = 90 }: { of: string; max?: number }): JSX.Element {
  const short = of.replace(/sha256:[0-9a-f]{64}/g, format.shortDigest);
  const parts = format.tame(short, max).split("/");
  return (
    <bdi class="words" title={format.tame(of, 2000)}>
      {parts.map((part, index) => (
        <span key={index}>
          {part}
          {index < parts.length - 1 && (
            <>
              /<wbr />
            </>
          )}
        </span>
      ))}
    </bdi>
  );
}

// The same, as the link to it.
export function NameLink({ of, max = 90 }: { of: string; max?: number }): JSX.Element {
  return (
    <a href={linkOf(of)}>
      <Name of={of} max={max} />
    </a>
  );
}
