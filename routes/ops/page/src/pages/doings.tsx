import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function DoingsPage(): JSX.Element {
  return <Heading title="Doings" />;
}
