import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function CachesPage(): JSX.Element {
  return <Heading title="Caches" />;
}
