import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function HomePage(): JSX.Element {
  return <Heading title="Home" />;
}
