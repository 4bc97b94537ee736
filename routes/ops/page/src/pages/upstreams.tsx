import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function UpstreamsPage(): JSX.Element {
  return <Heading title="Upstreams" />;
}
