import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function DiskPage(): JSX.Element {
  return <Heading title="Disk" />;
}
