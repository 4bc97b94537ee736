import type { JSX } from "preact";
import { Heading } from "../parts/frame";

export function RepositoryPage({ route, repository }: { route: string; repository: string }): JSX.Element {
  return <Heading title={`${route}/${repository}`} />;
}
