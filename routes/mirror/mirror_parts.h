// The machinery and the settings that the parts of a Mirror share. What is borrowed here outlives the Mirror.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/fill/fill.h"
#include "proxy/fill/pass_through.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstreams.h"
#include "routes/mirror/repository_rules.h"
#include "routes/oci/freshness.h"
#include "routes/oci/manifest_cache.h"
#include "routes/oci/reply_room.h"
#include "routes/signatures/signature_policy.h"
#include "store/store.h"

namespace breakwater::routes {

struct MirrorSettings {
  std::string route;     // "dockerhub"
  std::string registry;  // the name that clients use for it: "docker.io"
  // What precedes the names of its repositories in the store, if the route mirrors several registries:
  // "gcr.io/".
  std::string kept_under = {};
  RepositoryRules repositories;             // of names as the store has them
  SharedSignaturePolicy require_signature;  // likewise; of what clients pull
  FreshnessSettings freshness;
  // A tag moves to a digest only when that was first seen so long ago, if there is an older one; 0: at once.
  int64_t min_age_ms = 0;
  // How long a client waits for upstream when there is an older answer to serve (at most 2 s).
  int64_t revalidate_wait_ms = 1'500;
  // For one small request upstream, a silent one too. It goes on when its clients have left, and what comes
  // is kept.
  int64_t manifest_timeout_ms = 120'000;
  // How long a reply's head waits for the first byte, so that an error can still become a status. containerd
  // 2.3 gives up after 30 s.
  int64_t first_byte_wait_ms = 20'000;
  // A range with an end that begins further than this ahead of its fill is fetched from upstream by itself.
  uint64_t far_ahead_bytes = 16 << 20;
  uint64_t kept_list_bytes_max = 8 << 20;  // of its lists in memory, tags and referrers each
  int64_t list_fresh_ms = 10'000;          // how long tag lists and referrers are served without asking again

  // What upstream calls the repository that the store calls `repository`.
  std::string upstream_name(const std::string& repository) const {
    return repository.substr(kept_under.size());
  }
};

struct MirrorParts {
  proxy::Loop& loop;
  proxy::Workers& workers;  // write
  proxy::Workers& readers;  // answer pulls: no write, and nothing slow, is before them
  store::Store& store;
  proxy::Fills& fills;
  proxy::PassThrough& pass_through;
  proxy::Buffers& buffers;
  proxy::Upstreams& upstreams;
  ManifestCache& manifests;
  ReplyRoom& replies;
  const store::Clock& clock;
  store::Log& log;
};

// A request upstream about a repository, as the store calls it, with the scope that its token needs. `rest`
// follows the name: "/manifests/3.20".
proxy::RegistryClientRequest registry_request(const MirrorSettings& settings, const char* method,
                                              const std::string& repository, const std::string& rest);

}  // namespace breakwater::routes
