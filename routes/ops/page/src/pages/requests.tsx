import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function RequestsPage(): JSX.Element {
  return <Heading title="Requests" />;
}
