// The shapes of the API's answers: routes/ops/api.schema.json, as far as the page uses them.

export interface Problem {
  route?: string;
  what: string;
  do: string;
}

export type UpstreamState = "well" | "throttled" | "refuses_credentials" | "unreachable";

export interface Upstream {
  url: string;
  state: UpstreamState;
  requests: number;
  failures: number;
  fetched_bytes: number;
  throttled_until?: string;
  pulls_left?: number;
  last_answered_at?: string;
  latency_s?: { median: number; worst: number; answers?: number };
  rate_limit?: { left?: number; limit?: number; window_s?: number };
  refused_credentials_total?: number;
}

export interface Upload {
  route: string;
  repository: string;
  id?: string;
  bytes: number;
  started_at?: string;
  client?: string;
}

export interface RouteStatus {
  name: string;
  kind: "mirror" | "registry" | "left";
  registry?: string;
  listen: string[];
  connections: number;
  requests: number;
  bytes: number;
  reserved_bytes: number;
  bytes_max?: number;
  uploads?: number;
  broken: number;
  upstreams: Upstream[];
  stale_total?: number;
  evicted?: { last_age_s?: number; bytes_total?: number; last_at?: string };
  oldest_s?: number;
}

export interface Download {
  route: string;
  repository: string;
  digest: string;
  bytes: number;
  size?: number;
  readers: number;
  state: "running" | "waiting" | "trying_again";
  failure?: string;
  clients?: string[];
  clients_count?: number;
  started_at?: string;
  from?: number;
}

export interface BrokenThing {
  kind: "missing" | "unreadable" | "dangling" | "lacking";
  what: string;
  digest: string;
  routes?: string[];
  tags?: string[]; // whole names, "private/team/app:1.2"
  more_tags?: boolean;
  since?: string;
  do?: string;
}

export interface Integrity {
  broken: number;
  scrubbed_bytes: number;
  last_full_pass_at?: string;
  pass?: { bytes: number; bytes_total: number };
  broken_things?: BrokenThing[];
}

export interface Webhook {
  endpoint: string;
  state: "well" | "failing";
  failing_since?: string;
  reason?: string;
  waiting: number;
  oldest_at?: string;
  delivered: number;
  given_up: number;
  dropped: number;
}

export interface Status {
  sentence: string;
  well: boolean;
  problems: Problem[];
  version: string;
  folder: string;
  started_at: string;
  uptime_s: number;
  ready: boolean;
  draining: boolean;
  read_only: boolean;
  routes: RouteStatus[];
  store: { bytes: number; reserved_bytes: number; unconfigured_bytes: number; bytes_max?: number };
  disk?: { bytes: number; free_bytes: number };
  buffers: { bytes: number; bytes_max: number };
  downloads: Download[];
  downloads_count: number;
  uploads?: Upload[];
  uploads_count?: number;
  integrity: Integrity;
  webhooks: Webhook[];
}

// What the stream of events tells at most twice a second.
export interface StatusSummary {
  sentence: string;
  well: boolean;
  problems?: number;
  version?: string;
  started_at?: string;
  read_only?: boolean;
  draining?: boolean;
  stored_bytes?: number;
  stored_bytes_max?: number;
  requests_running?: number;
  connections?: number;
  rates?: { requests_per_s: number; sent_bytes_per_s: number; fetched_bytes_per_s: number };
  downloads?: Download[];
  downloads_count?: number;
  uploads?: Upload[];
  uploads_count?: number;
}

export interface RequestTold {
  number: number;
  at: string;
  route?: string;
  client?: string;
  method?: string;
  repository?: string;
  reference?: string;
  status?: number;
  bytes?: number;
  seconds?: number;
  cache?: string;
  reason?: string;
  user_agent?: string;
  range?: string;
  upstream_status?: number;
  upstream_seconds?: number;
  trace?: string;
}

export interface Requests {
  requests: RequestTold[];
  next: number;
  newest: number;
  missed: number;
}

export interface EventTold {
  id?: string;
  at?: string;
  kind: string;
  action?: string;
  route?: string;
  repository?: string;
  tag?: string;
  digest?: string;
  reason?: string;
  client?: string;
  trace?: string;
}

export interface Counts {
  requests: number;
  bytes_sent: number;
  upstream_requests: number;
  upstream_bytes: number;
  saved_requests: number;
  saved_bytes: number;
  hit_ratio: number | null;
  byte_hit_ratio: number | null;
  hits: number;
  misses: number;
  follows: number;
  stale: number;
  revalidated: number;
  passed: number;
  not_found: number;
  refused: number;
  errors: number;
  pushed_bytes: number;
  not_uploaded_bytes: number;
}

export interface Heavy {
  route?: string;
  repository?: string;
  client?: string;
  requests: number;
  bytes_sent: number;
  upstream_requests: number;
  upstream_bytes: number;
  saved_requests?: number;
  saved_bytes?: number;
}

export interface Heaviest {
  from: string;
  by_bytes: Heavy[];
  by_requests: Heavy[];
  others_at_most: { bytes: number; requests: number };
}

export interface Savings {
  since_s: number;
  from: string;
  to: string;
  is_exact_to_s: number;
  total: Counts;
  routes: ({ route: string; kind: "mirror" | "registry" } & Counts)[];
  series: { step_s: number; points: ({ at: string } & Counts)[] };
  repositories: Heaviest;
  clients: Heaviest;
}

export interface UsageTotals {
  total_bytes: number;
  blobs_bytes: number;
  incoming_bytes: number;
  trash_bytes: number;
  catalog_bytes: number;
  other_bytes: number;
  unattributed_bytes: number;
  rule: string;
}

export interface UsageByRoute extends UsageTotals {
  by: "route";
  routes: {
    route: string;
    kind: "mirror" | "registry" | "left";
    blobs: number;
    unique_bytes: number;
    shared_bytes: number;
    paid_bytes: number;
    incoming_bytes: number;
    freed_bytes: number;
    bytes_max?: number;
    pinned_bytes?: number;
  }[];
}

export interface UsageByRepository extends UsageTotals {
  by: "repository";
  shared_bytes: number;
  unheld_bytes: number;
  repositories: {
    route: string;
    repository: string;
    unique_bytes: number;
    shared_bytes: number;
    freed_bytes: number;
  }[];
  left_out?: { repositories: number; unique_bytes: number };
}

export interface UsageByClient extends UsageTotals {
  by: "client";
  clients: { client: string; blobs: number; bytes: number; incoming_bytes: number }[];
  left_out?: { bytes: number; incoming_bytes: number };
}

export interface UsageByTag {
  by: "tag";
  route: string;
  repository: string;
  tags: {
    tag: string;
    digest: string;
    bytes: number;
    unique_bytes: number;
    shared_bytes: number;
    freed_bytes: number;
    pinned: boolean;
    at_least: boolean;
  }[];
  last?: string; // there is more behind this name
}

export interface PlanItem {
  kind: string;
  what: string;
  route?: string;
  repository?: string;
  tag?: string;
  digest?: string;
  bytes: number;
  age_s?: number;
  reason: string;
  why: string;
  when: string;
  at?: string;
  under?: { kind: string; digest: string; bytes: number }[];
  under_total?: number;
}

export interface Plan {
  items: PlanItem[];
  totals: { reason: string; when: string; items: number; bytes: number }[];
  more: boolean;
}

export interface RoutesListed {
  routes: { route: string; kind: string; stored_bytes: number; reserved_bytes: number; bytes_max?: number }[];
}

export interface RepositoriesListed {
  route: string;
  repositories: { repository: string; tags: number; more_tags: boolean }[];
  last?: string;
}

export interface TagListed {
  tag: string;
  digest: string;
  media_type: string;
  bytes: number;
  here_bytes: number;
  missing: number;
  at_least: boolean;
  set_at?: string;
  checked_at?: string;
  last_pulled_at?: string;
  pinned: boolean;
}

export interface TagsListed {
  route: string;
  repository: string;
  tags: TagListed[];
  last?: string;
}

export interface TreeNode {
  kind: string; // "index", "manifest", "config", "layer"
  digest: string;
  media_type?: string;
  bytes: number;
  here: boolean;
  platform?: string;
  children?: TreeNode[];
}

export interface ImageTold {
  image: string;
  digest: string;
  pinned: boolean;
  bytes: number;
  here_bytes: number;
  missing: number;
  at_least: boolean;
  tree: TreeNode;
  referrers: { digest: string; artifact_type?: string; bytes: number; here: boolean }[];
  signatures: { tag: string; digest: string }[];
  cut: boolean;
}

export interface Caches {
  caches: CacheTold[];
  next: string | null;
}

export interface CacheTold {
  route: string;
  repository: string;
  tag: string;
  digest: string;
  pushed_at: string;
  age_s: number;
  bytes: number | null;
  layers: number | null;
  imported_at: string | null;
  imports: number;
  pushes: number;
  new_bytes: number;
  reused_bytes: number;
  generations?: {
    at: string;
    digest: string;
    bytes: number;
    layers: number;
    new_bytes: number;
    new_layers: number;
    reused_bytes: number;
    reused_layers: number;
  }[];
  layers_seen?: { digest: string; bytes: number; position: number | null; generations: number; is_in_newest: boolean }[];
  churn?: { position: number; changes: number; bytes: number }[];
}

export interface ClientConfig {
  client: string;
  host: string;
  files: { path: string; text: string; note?: string }[];
  then: string[];
}

export interface UploadsListed {
  uploads: UploadListed[];
  totals?: { open: number; broken_off: number; bytes: number };
  left_out?: number;
}

export interface UploadListed {
  id: string;
  state?: "begun" | "open" | "broken off";
  route: string;
  repository?: string;
  client?: string;
  bytes: number;
  on_disk_bytes?: number;
  begun_at?: string;
  last_byte_at?: string;
  refused?: boolean;
}

// Of abort-upload, also with `dry_run`.
export interface UploadAborted {
  id: string;
  dry_run: boolean;
  aborted?: boolean;
  freed_bytes: number;
  words?: string;
}

export interface Pins {
  pins_max?: number;
  pins: { what: string; at?: string; by?: string; kind?: string; tag?: string; digest?: string }[];
  in_the_way?: { route: string; pinned_bytes: number; words: string }[];
}

// Who looks at the page, and what they may.
// Who one is, and what one may: admin.h.
export interface Caller {
  client: string;
  user?: string;
  signed_in: boolean;
  can_sign_in: boolean;
  may_look: boolean;
  sees_all: boolean; // whether nothing is left out
  may_act: boolean;
  why_not?: string;
}

// What an act would do or has done: removals.h, fetch.h, refresh.h, pin_list.h, upload_list.h, changing.h.
export interface Removal {
  what: string;
  kind: "mirror" | "registry";
  dry_run?: boolean;
  words: string;
  tags: { image: string; digest: string; belongs: boolean }[];
  manifests: { image: string; media_type?: string; bytes: number; goes_after?: string }[];
  blobs: { digest: string; bytes: number }[];
  stays: { kind: string; image: string; bytes?: number; because: string }[];
  totals: { tags: number; manifests: number; blobs: number; links: number; stays: number };
  freed_bytes: number;
  cut: boolean;
}

export interface Fetched {
  well?: boolean;
  images: {
    image: string;
    digest?: string;
    held?: boolean;
    manifests?: number;
    blobs?: number;
    bytes?: number;
    downloaded_blobs?: number;
    error?: string;
  }[];
  bytes: number;
  failed: number;
  dry_run?: boolean;
}

export interface Refreshed {
  image: string;
  before?: string;
  digest?: string;
  changed?: boolean;
  dry_run?: boolean;
}

export interface Pinned {
  what: string;
  changed: boolean;
  covers?: { tags: number; more: boolean };
  words: string;
  dry_run?: boolean;
}

export interface Reloaded {
  changes: string[];
  dry_run?: boolean;
}

// Access tokens: token_list.h.
export interface TokenListed {
  name: string;
  standing: "valid" | "expired" | "revoked";
  may: string[];
  repositories: string[];
  created_at: string;
  made_by: string;
  expires_at?: string;
  last_used_at?: string;
  revoked_at?: string;
}

export interface TokensListed {
  tokens_max: number;
  tokens: TokenListed[];
}

export interface TokenMade {
  name: string;
  dry_run: boolean;
  may: string[];
  repositories: string[];
  created_at: string;
  made_by: string;
  expires_at?: string;
  token?: string; // shown this once
  words: string;
}

export interface TokenRevoked {
  name: string;
  dry_run: boolean;
  changed: boolean;
  words: string;
}
