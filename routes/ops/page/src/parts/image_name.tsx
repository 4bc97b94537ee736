// An image's name. A digest in it is what may be cut: "private/team/app@sha256:0123456789ab…".
import type { JSX } from "preact";
import { Digest, Words } from "./value";

export function ImageName({ of }: { of: string }): JSX.Element {
  const at = of.indexOf("@");
  if (at < 0) return <Words of={of} />;
  return (
    <>
      <Words of={of.slice(0, at)} />@<Digest of={of.slice(at + 1)} />
    </>
  );
}
