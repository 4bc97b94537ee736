import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function IntegrityPage(): JSX.Element {
  return <Heading title="Integrity" />;
}
