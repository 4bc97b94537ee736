// What the API tells of images beside answers.ts: `search`, `document` and `why` (routes/ops/search.h,
// document.h, explanations.h), and what `purge`, `remove`, `pin` and `refresh` answer.

export interface FoundRow {
  route: string;
  repository: string;
  tag?: string; // absent: the repository as a whole
  digest?: string;
  set_at?: string;
}

export interface Found {
  rows: FoundRow[];
  looked_at?: number;
  next?: string;
}

type Texts = Record<string, string>;

export interface Descriptor {
  digest: string;
  media_type?: string;
  bytes?: number;
  here?: boolean;
  platform?: string;
  artifact_type?: string;
  annotations?: Texts;
}

// A layer, or a line of history that made none.
export interface LayerTold extends Partial<Descriptor> {
  empty?: boolean;
  created?: string;
  created_by?: string;
  comment?: string;
}

export interface ConfigTold extends Descriptor {
  created?: string;
  author?: string;
  user?: string;
  working_dir?: string;
  stop_signal?: string;
  labels?: Texts;
  env?: string[];
  entrypoint?: string[];
  cmd?: string[];
  exposed_ports?: string[];
  volumes?: string[];
  unreadable?: string;
}

export interface DocumentTold {
  image: string;
  route: string;
  repository: string;
  tag?: string;
  digest: string;
  media_type?: string;
  bytes?: number;
  here: boolean;
  kind: string; // "index", "image", "artifact", "unknown"
  artifact_type?: string;
  subject?: Descriptor;
  annotations?: Texts;
  set_at?: string;
  checked_at?: string;
  last_pulled_at?: string;
  config?: ConfigTold;
  layers?: LayerTold[];
  history?: LayerTold[];
  manifests?: Descriptor[];
  unreadable?: string;
  cut?: boolean;
}

export interface Reason {
  kind: string; // "tag", "parent", "subject", "lease", "mirror", "promise", "lease_only", "more", "nothing"
  tag?: string;
  standing?: Standing;
  digest?: string;
  until?: string;
  because?: Reason[];
}

export interface Standing {
  kind: string; // "plain", "protected", "cache", "follows", "orphan"
  subject?: string;
  until?: string;
}

export interface WhyTold {
  digest: string;
  stored: boolean;
  bytes?: number;
  account?: string;
  used_at?: string;
  leased_until?: string;
  tag?: { route: string; repository: string; tag: string; set_at?: string; standing?: Standing };
  repositories: { route: string; repository: string; pushed_at?: string; reasons: Reason[] }[];
}

export interface Why {
  of: string;
  found: WhyTold[];
}

export interface RemovalTold {
  what: string;
  dry_run: boolean;
  words: string;
  tags: { image: string; digest: string; belongs?: boolean }[];
  manifests: { image: string; bytes: number; media_type?: string; goes_after?: string }[];
  blobs: { digest: string; bytes: number }[];
  stays: { kind: string; image: string; bytes: number; because: string }[];
  totals: { tags: number; manifests: number; blobs: number; links?: number; stays: number };
  freed_bytes: number;
  cut: boolean;
}

export interface PinTold {
  what: string;
  dry_run: boolean;
  changed: boolean;
  covers: { tags: number; more: boolean };
  words: string;
}

export interface RefreshTold {
  image: string;
  before?: string;
  digest?: string;
  changed?: boolean;
}
