// Which page is shown where.
import type { JSX } from "preact";
import type { Place } from "../place";
import { CachesPage } from "./caches";
import { ConnectPage } from "./connect";
import { DiskPage } from "./disk";
import { DoingsPage } from "./doings";
import { HomePage } from "./home";
import { ImagePage } from "./image";
import { ImagesPage } from "./images";
import { IntegrityPage } from "./integrity";
import { NextPage } from "./next";
import { RepositoryPage } from "./repository";
import { RequestsPage } from "./requests";
import { RoutePage } from "./route";
import { SavedPage } from "./saved";
import { TokensPage } from "./tokens";
import { TransfersPage } from "./transfers";
import { UpstreamsPage } from "./upstreams";

export function Page({ place }: { place: Place }): JSX.Element {
  switch (place.page) {
    case "home":
      return <HomePage />;
    case "saved":
      return <SavedPage />;
    case "transfers":
      return <TransfersPage />;
    case "upstreams":
      return <UpstreamsPage />;
    case "requests":
      return <RequestsPage />;
    case "disk":
      return <DiskPage />;
    case "next":
      return <NextPage />;
    case "caches":
      return <CachesPage />;
    case "connect":
      return <ConnectPage />;
    case "integrity":
      return <IntegrityPage />;
    case "doings":
      return <DoingsPage />;
    case "tokens":
      return <TokensPage />;
    case "images": {
      const { image } = place;
      if (!image) return <ImagesPage />;
      if (image.repository === "") return <RoutePage route={image.route} />;
      if (image.reference === "") return <RepositoryPage route={image.route} repository={image.repository} />;
      return <ImagePage image={image} />;
    }
  }
}
