// The manifests of a mirror. A tag is as fresh as upstream says; a digest is right for ever.
//
//   by_tag()     fresh ------------------------------> held
//                stale: HEAD upstream -- same -------> held, checked now
//                          |------------ other ------> GET, store, serve
//                          |------------ no answer --> held, with Age and Warning, within revalidate_wait_ms
//                unknown: GET, store, serve
//                with min_age: what upstream has is stored, what is old enough is served (mirror_cooldown.cc)
//   by_digest()  held, else GET, store, serve
//
// A client waits for at most first_byte_wait_ms, then gets `unavailable` while the question goes on. A
// manifest is stored before its tag is answered, so the client's next GET, by digest, works even if upstream
// dies in between. Many clients that ask the same cause one question upstream, which goes on when they leave.
// Of several upstreams each is asked by HEAD and then, if that says something new or is refused, by GET; what
// it sends counts once it is what was asked for. Belongs to the loop's thread.
#pragma once

#include <optional>
#include <string>

#include "proxy/clients/clients.h"
#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/negative_cache.h"
#include "routes/oci/cooldown.h"
#include "routes/oci/manifest_reply.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {

class MirrorManifests {
 public:
  MirrorManifests(const MirrorParts& parts, const MirrorSettings& settings);

  // `asker` is who asks.
  proxy::Task<Result<ServedManifest>> by_tag(std::string repository, std::string tag, proxy::Asker asker);
  proxy::Task<Result<ServedManifest>> by_digest(std::string repository, store::Digest digest,
                                                proxy::Asker asker);
  // The tag names what upstream has now, whatever its age, and what upstream showed before does not hold it
  // back any more: for an operator who does not want to wait for min_age.
  proxy::Task<Result<ServedManifest>> move_now(std::string repository, std::string tag);

 private:
  using Answer = Result<ServedManifest>;
  // What upstream has sent, and that it is what was asked for.
  struct Fetched {
    std::string bytes;
    store::Digest digest;
    bool is_of_payload = false;  // the digest is that of what was signed, not of the bytes
    store::ManifestContent content;
    ReplyRoom::Place place;  // of the bytes
  };
  struct Received {
    proxy::Reply reply;
    ReplyRoom::Place place;
  };

  store::RepositoryKey key_of(const std::string& repository) const;
  proxy::Task<Result<std::optional<store::TagRecord>>> tag_record(store::RepositoryKey key, std::string tag);
  // `client` is who asks, if its share of long replies is to be taken.
  proxy::Task<Answer> held(store::RepositoryKey key, store::Digest digest,
                           std::shared_ptr<proxy::Client> client = nullptr);
  proxy::Task<Result<store::ManifestRecord>> manifest_record(store::RepositoryKey key, store::Digest digest);
  proxy::Task<Answer> renew(store::RepositoryKey key, std::string tag, store::TagRecord record,
                            proxy::Asker asker);
  proxy::Task<Answer> stale(store::RepositoryKey key, std::string tag, store::TagRecord record, Error reason);

  proxy::Task<Answer> answer_by(proxy::Moment deadline, std::string flight,
                                proxy::SingleFlight<Answer>::Begin begin);

  // These run in a flight.
  proxy::Task<Answer> ask(store::RepositoryKey key, std::string tag, std::optional<store::TagRecord> record,
                          proxy::Hops hops);
  proxy::Task<Answer> confirm(store::RepositoryKey key, std::string tag, store::TagRecord record,
                              proxy::Hops hops);
  // `tag` names what comes from then on; "" for none.
  proxy::Task<Answer> fetch(store::RepositoryKey key, std::string reference,
                            std::optional<store::Digest> digest, std::string tag, proxy::Hops hops);
  proxy::Task<Answer> take(store::RepositoryKey key, std::string reference, std::string tag,
                           Result<Fetched> fetched);

  // These ask one upstream.
  proxy::Task<Result<std::optional<Fetched>>> news(proxy::AskedUpstream upstream, std::string repository,
                                                   std::string tag, store::Digest known);
  proxy::Task<Result<std::optional<store::Digest>>> ask_digest(proxy::AskedUpstream upstream,
                                                               std::string repository, std::string tag);
  proxy::Task<Result<Fetched>> get(proxy::AskedUpstream upstream, std::string repository,
                                   std::string reference, std::optional<store::Digest> asked);
  static Result<Fetched> understood(proxy::Reply reply, const std::optional<store::Digest>& asked);
  proxy::Task<Result<Received>> get_reply(proxy::AskedUpstream upstream, std::string repository,
                                          std::string reference);
  proxy::Task<Result<>> mark_checked(store::RepositoryKey key, std::string tag, store::TagRecord record);
  proxy::Task<Answer> keep(store::RepositoryKey key, std::string tag, store::Digest digest,
                           ManifestCache::Entry entry, store::ManifestContent content);

  // --- with min_age (mirror_cooldown.cc)

  bool cools(const std::string& tag) const;
  proxy::Task<Answer> held_meanwhile(store::RepositoryKey key, std::string tag, store::TagRecord record);
  proxy::Task<std::string> cooldown_warning(store::RepositoryKey key, std::string tag,
                                            store::TagRecord record);
  proxy::Task<Result<Sightings>> sightings(store::RepositoryKey key, std::string tag,
                                           std::optional<store::TagRecord> record);
  proxy::Task<Result<>> remember(store::RepositoryKey key, std::string tag, Sightings seen);

  // These run in a flight.
  proxy::Task<Answer> settle(store::RepositoryKey key, std::string tag,
                             std::optional<store::TagRecord> record, proxy::Hops hops);
  proxy::Task<Answer> see_first(store::RepositoryKey key, std::string tag, proxy::Hops hops);
  proxy::Task<Result<>> see(store::RepositoryKey key, std::string tag, Sightings& seen, proxy::Hops hops);
  proxy::Task<> note(store::RepositoryKey key, std::string tag, store::Digest shown, Sightings& seen);
  proxy::Task<Answer> serve_due(store::RepositoryKey key, std::string tag,
                                std::optional<store::TagRecord> record, Sightings seen, proxy::Hops hops);
  proxy::Task<Answer> fetch_now(store::RepositoryKey key, std::string tag);

  MirrorParts parts_;
  MirrorSettings settings_;
  NegativeCache negative_cache_;
  proxy::SingleFlight<Answer> flights_;
};

}  // namespace breakwater::routes
