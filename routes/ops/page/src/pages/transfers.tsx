import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function TransfersPage(): JSX.Element {
  return <Heading title="Transfers" />;
}
