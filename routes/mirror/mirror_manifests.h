// The manifests of a mirror. A tag is as fresh as upstream says; a digest is right for ever.
//
//   by_tag()     fresh ------------------------------> held
//                stale: HEAD upstream -- same -------> held, checked now
//                          |------------ other ------> GET, store, serve
//                          |------------ no answer --> held, with Age and Warning, within revalidate_wait_ms
//                unknown: GET, store, serve
//   by_digest()  held, else GET, store, serve
//
// A client waits for at most first_byte_wait_ms, then gets `unavailable` while the question goes on. A
// manifest is stored before its tag is answered, so the client's next GET, by digest, works even if upstream
// dies in between. Many clients that ask the same cause one question upstream, which goes on when they leave.
// Belongs to the loop's thread.
#pragma once

#include <optional>
#include <string>

#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/negative_cache.h"
#include "routes/oci/manifest_reply.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {

class MirrorManifests {
 public:
  MirrorManifests(const MirrorParts& parts, const MirrorSettings& settings);

  proxy::Task<Result<ServedManifest>> by_tag(std::string repository, std::string tag);
  proxy::Task<Result<ServedManifest>> by_digest(std::string repository, store::Digest digest);

 private:
  using Answer = Result<ServedManifest>;

  store::RepositoryKey key_of(const std::string& repository) const;
  proxy::Task<Result<std::optional<store::TagRecord>>> tag_record(store::RepositoryKey key, std::string tag);
  proxy::Task<Answer> held(store::RepositoryKey key, store::Digest digest);
  proxy::Task<Answer> renew(store::RepositoryKey key, std::string tag, store::TagRecord record);
  proxy::Task<Answer> stale(store::RepositoryKey key, store::TagRecord record, Error reason);

  proxy::Task<Answer> answer_by(proxy::Moment deadline, std::string flight,
                                proxy::SingleFlight<Answer>::Begin begin);

  // These run in a flight.
  proxy::Task<Answer> confirm(store::RepositoryKey key, std::string tag, store::TagRecord record);
  proxy::Task<Answer> fetch(store::RepositoryKey key, std::string reference,
                            std::optional<store::Digest> digest);

  proxy::Task<Result<std::optional<store::Digest>>> ask_digest(std::string repository, std::string tag);
  proxy::Task<Result<proxy::Reply>> get(std::string repository, std::string reference);
  proxy::Task<Result<>> mark_checked(store::RepositoryKey key, std::string tag, store::TagRecord record);
  proxy::Task<Answer> keep(store::RepositoryKey key, std::string tag, store::Digest digest,
                           ManifestCache::Entry entry, store::ManifestContent content);

  MirrorParts parts_;
  MirrorSettings settings_;
  NegativeCache negative_cache_;
  proxy::SingleFlight<Answer> flights_;
};

}  // namespace breakwater::routes
