#include "routes/mirror/mirror_manifests.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "proxy/upstream/retry.h"
#include "routes/mirror/asking.h"
#include "routes/mirror/reserved_sink.h"
#include "routes/oci/manifest.h"
#include "routes/oci/media_type.h"
#include "routes/oci/parsing.h"
#include "routes/oci/schema1.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"

namespace breakwater::routes {

using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;
using store::TagRecord;

namespace {

constexpr proxy::RetrySettings kManifestRetry = {3, 200, 1'000, 0};
// Short, because the question goes on and a client that returns joins it.
constexpr int64_t kSlowRetryAfter_s = 1;

std::string flight_key(const RepositoryKey& key, const std::string& reference) {
  return key.repository + "@" + reference;
}

// The digest in Docker-Content-Digest, if upstream sent one that can be read. It is a hint.
std::optional<Digest> claimed_digest(const proxy::Headers& headers) {
  std::string text(headers.get("Docker-Content-Digest"));
  std::erase_if(text, [](char c) { return c == '"' || c == ' ' || c == '\t'; });
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto digest = Digest::parse(text);
  return digest ? std::optional(*digest) : std::nullopt;
}

// A manifest's digest, and whether it is that of what was signed rather than of the bytes.
struct Identity {
  Digest digest;
  bool is_of_payload = false;
};

// What the answer is. The digest that was asked for decides; for a tag, the one that upstream claims has to
// be right, because nothing else tells a body that was damaged.
Result<Identity> identity_of(const proxy::Reply& reply, const std::optional<Digest>& asked) {
  const auto expected = asked ? asked : claimed_digest(reply.head.headers);
  const auto algorithm = expected ? expected->algorithm() : store::Algorithm::sha256;
  const auto digest = store::digest_of(algorithm, reply.body);
  if (expected == digest) return Identity(digest, false);
  const auto payload = signed_digest(reply.body, algorithm);
  if (payload && (!expected || *expected == *payload)) return Identity(*payload, true);
  if (!expected) return Identity(digest, false);
  return failure(Error::Kind::corrupt, "upstream's manifest is not " + expected->text() +
                                           (asked ? "" : ", which its answer claims to be"));
}

ServedManifest served(const Digest& digest, const ManifestCache::Entry& entry, CacheResult cache) {
  ServedManifest manifest(digest, entry.media_type, entry.bytes, cache, std::nullopt, std::string());
  return manifest;
}

}  // namespace

proxy::RegistryClientRequest registry_request(const MirrorSettings& settings, const char* method,
                                              const std::string& repository, const std::string& rest) {
  const std::string name = settings.upstream_name(repository);
  proxy::RegistryClientRequest request(method, "/v2/" + name + rest);
  request.scope = "repository:" + name + ":pull";
  // The digest that a path ends with vouches for the body. Nothing does for a tag's manifest or a list.
  const bool is_list = rest.starts_with("/referrers/") || rest.starts_with("/tags/");
  if (!is_list && Digest::parse(rest.substr(rest.rfind('/') + 1)))
    request.vouched = proxy::Vouched::by_digest;
  return request;
}

MirrorManifests::MirrorManifests(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts), settings_(settings), flights_(parts.loop) {}

RepositoryKey MirrorManifests::key_of(const std::string& repository) const {
  return RepositoryKey(settings_.route, repository);
}

Task<Result<ServedManifest>> MirrorManifests::by_digest(std::string repository, Digest digest,
                                                        proxy::Asker asker) {
  const auto key = key_of(repository);
  auto here = co_await held(key, digest, asker.client);
  if (here || here.error().kind != Error::Kind::not_found) co_return here;
  const auto reference = digest.text();
  if (auto error = negative_cache_.find(flight_key(key, reference), parts_.clock.now()))
    co_return failure(*error);
  const auto flight = flight_key(key, reference);
  auto refusal = co_await refusal_to_ask(parts_, settings_, asker, flights_.has(flight));
  if (refusal) co_return failure(*refusal);
  auto begin = [this, key, reference, digest, hops = asker.hops] {
    return fetch(key, reference, digest, "", hops);
  };
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  co_return co_await answer_by(deadline, flight, begin);
}

Task<Result<ServedManifest>> MirrorManifests::by_tag(std::string repository, std::string tag,
                                                     proxy::Asker asker) {
  const auto key = key_of(repository);
  auto record = co_await tag_record(key, tag);
  if (!record) co_return failure(record.error());
  if (*record) {
    const auto now = parts_.clock.now();
    if (before_asking(settings_.freshness, now, (*record)->checked_at) == BeforeAsking::serve) {
      auto here = co_await held(key, (*record)->digest, asker.client);
      if (!here && here.error().kind != Error::Kind::not_found) co_return here;
      if (here) here->checked_at = (*record)->checked_at;
      if (here && cools(tag)) here->held_back = co_await cooldown_warning(key, tag, **record);
      if (here) co_return here;
    }
    co_return co_await renew(key, tag, **record, asker);
  }
  if (auto error = negative_cache_.find(flight_key(key, tag), parts_.clock.now())) co_return failure(*error);
  const auto flight = flight_key(key, tag);
  auto refusal = co_await refusal_to_ask(parts_, settings_, asker, flights_.has(flight));
  if (refusal) co_return failure(*refusal);
  auto begin = [this, key, tag, hops = asker.hops] { return ask(key, tag, std::nullopt, hops); };
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  co_return co_await answer_by(deadline, flight, begin);
}

Task<Result<ServedManifest>> MirrorManifests::move_now(std::string repository, std::string tag) {
  const auto key = key_of(repository);
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  // A question that is under way would move the tag back after this one: it is waited for.
  for (;;) {
    bool is_ours = false;
    auto begin = [this, key, tag, &is_ours] {
      is_ours = true;
      return fetch_now(key, tag);
    };
    auto answer = co_await answer_by(deadline, flight_key(key, tag), begin);
    if (is_ours || parts_.loop.now() >= deadline) co_return answer;
  }
}

// The result of the flight, or `unavailable` when the deadline passes. Clients that give up by themselves
// would not learn when to return.
Task<Result<ServedManifest>> MirrorManifests::answer_by(proxy::Moment deadline, std::string flight,
                                                        proxy::SingleFlight<Answer>::Begin begin) {
  auto answer = co_await flights_.join_until(std::move(flight), std::move(begin), deadline);
  if (answer) co_return *answer;
  co_return failure(Error(Error::Kind::unavailable, "upstream is slow to answer", kSlowRetryAfter_s));
}

// Asks upstream whether the tag that we hold is current, and falls back on what we hold.
Task<Result<ServedManifest>> MirrorManifests::renew(RepositoryKey key, std::string tag, TagRecord record,
                                                    proxy::Asker asker) {
  const auto flight = flight_key(key, tag);
  if (auto error = negative_cache_.find(flight, parts_.clock.now()))
    co_return co_await stale(key, tag, record, *error);
  if (auto refusal = co_await refusal_to_ask(parts_, settings_, asker, flights_.has(flight))) {
    if (refusal->kind != Error::Kind::throttled) co_return failure(*refusal);
    co_return co_await stale(key, tag, record, *refusal);
  }
  auto begin = [this, key, tag, record, hops = asker.hops] { return ask(key, tag, record, hops); };
  const auto asked_at = parts_.loop.now();
  auto answer = co_await flights_.join_until(flight_key(key, tag), begin,
                                             asked_at + Millis(settings_.revalidate_wait_ms));
  if (answer && *answer) co_return *answer;
  auto reason = answer ? answer->error() : Error(Error::Kind::unavailable, "upstream is slow to answer", 0);
  auto instead = co_await stale(key, tag, record, reason);
  if (instead || answer) co_return instead;
  // There is nothing to serve instead, so the client waits for upstream.
  co_return co_await answer_by(asked_at + Millis(settings_.first_byte_wait_ms), flight_key(key, tag), begin);
}

// The held manifest, if it may be served although upstream did not confirm it; else `reason` is the error.
Task<Result<ServedManifest>> MirrorManifests::stale(RepositoryKey key, std::string tag, TagRecord record,
                                                    Error reason) {
  const auto after =
      after_asking(settings_.freshness, parts_.clock.now(), record.checked_at, said_by(reason));
  if (after != AfterAsking::serve_stale) co_return failure(reason);
  auto here = co_await held_meanwhile(key, tag, record);
  if (!here) co_return failure(reason);
  here->cache = CacheResult::stale;
  here->checked_at = record.checked_at;
  here->stale_reason = reason.message;
  co_return here;
}

Task<Result<std::optional<TagRecord>>> MirrorManifests::tag_record(RepositoryKey key, std::string tag) {
  auto record = parts_.store.catalog().tag(key, tag, store::Reach::memory);
  if (record || record.error().kind != Error::Kind::would_block) co_return record;
  auto job = [&catalog = parts_.store.catalog(), key, tag] {
    return catalog.tag(key, tag, store::Reach::disk);
  };
  co_return co_await parts_.readers.run(std::move(job));
}

Task<Result<ServedManifest>> MirrorManifests::held(RepositoryKey key, Digest digest,
                                                   std::shared_ptr<proxy::Client> client) {
  parts_.store.blobs().note_use(digest);
  if (auto entry = parts_.manifests.find(key, digest)) co_return served(digest, *entry, CacheResult::hit);
  auto record = co_await manifest_record(key, digest);
  if (!record) co_return failure(record.error());
  auto place = co_await parts_.replies.reserve(record->size, std::move(client));
  if (!place) co_return failure(place.error());
  auto job = [&store = parts_.store, key, digest,
              type = record->media_type]() -> Result<ManifestCache::Entry> {
    auto bytes = store.manifests().bytes(key, digest);
    if (!bytes) return failure(bytes.error());
    return ManifestCache::Entry(type, std::make_shared<const std::string>(*std::move(bytes)));
  };
  auto entry = co_await parts_.readers.run(std::move(job));
  if (!entry) {
    // Reported as `not_found`, so that the manifest is fetched from upstream again.
    if (entry.error().kind != Error::Kind::not_found)
      parts_.log.error("manifest_unreadable", {{"digest", digest.text()}, {"reason", entry.error().message}});
    co_return failure(Error::Kind::not_found, entry.error().message);
  }
  // Somebody else may have read it meanwhile.
  if (auto known = parts_.manifests.find(key, digest)) {
    entry = *std::move(known);
  } else {
    parts_.manifests.put(key, digest, *entry);
  }
  auto manifest = served(digest, *entry, CacheResult::hit);
  manifest.place = *std::move(place);
  co_return manifest;
}

// `not_found` if there is none: then upstream is asked.
Task<Result<store::ManifestRecord>> MirrorManifests::manifest_record(RepositoryKey key, Digest digest) {
  auto record = parts_.store.catalog().manifest(key, digest, store::Reach::memory);
  if (!record && record.error().kind == Error::Kind::would_block) {
    auto job = [&catalog = parts_.store.catalog(), key, digest] {
      return catalog.manifest(key, digest, store::Reach::disk);
    };
    record = co_await parts_.readers.run(std::move(job));
  }
  if (record && *record) co_return **std::move(record);
  if (!record)
    parts_.log.error("manifest_unreadable", {{"digest", digest.text()}, {"reason", record.error().message}});
  co_return failure(Error::Kind::not_found, record ? "no manifest " + digest.text() + " in " + key.repository
                                                   : record.error().message);
}

// What upstream has for a tag, as far as it may be served. `record` is what the tag names here, if anything.
Task<Result<ServedManifest>> MirrorManifests::ask(RepositoryKey key, std::string tag,
                                                  std::optional<TagRecord> record, proxy::Hops hops) {
  if (cools(tag)) return settle(std::move(key), std::move(tag), std::move(record), std::move(hops));
  if (record) return confirm(std::move(key), std::move(tag), *std::move(record), std::move(hops));
  return fetch(std::move(key), tag, std::nullopt, tag, std::move(hops));
}

Task<Result<ServedManifest>> MirrorManifests::confirm(RepositoryKey key, std::string tag, TagRecord record,
                                                      proxy::Hops hops) {
  auto attempt = [this, key, tag, record](const proxy::AskedUpstream& upstream) {
    return news(upstream, key.repository, tag, record.digest);
  };
  auto found = co_await parts_.upstreams.first_of(hops, std::move(attempt));
  if (!found || *found) {
    auto fetched = found ? Result<Fetched>(**std::move(found)) : Result<Fetched>(failure(found.error()));
    co_return co_await take(key, tag, tag, std::move(fetched));
  }
  auto here = co_await held(key, record.digest);
  if (!here) co_return co_await fetch(key, tag, std::nullopt, tag, std::move(hops));
  auto marked = co_await mark_checked(key, tag, record);
  if (!marked) parts_.log.warning("tag_not_marked", {{"tag", tag}, {"reason", marked.error().message}});
  here->cache = CacheResult::revalidated;
  co_return here;
}

// What the tag is at that upstream, or nothing if it still is what we know.
Task<Result<std::optional<MirrorManifests::Fetched>>> MirrorManifests::news(proxy::AskedUpstream upstream,
                                                                            std::string repository,
                                                                            std::string tag, Digest known) {
  auto digest = co_await ask_digest(upstream, repository, tag);
  if (!digest) co_return failure(digest.error());
  if (*digest == known) co_return std::optional<Fetched>();
  auto fetched = co_await get(upstream, std::move(repository), std::move(tag), std::nullopt);
  if (!fetched) co_return failure(fetched.error());
  co_return std::optional<Fetched>(*std::move(fetched));
}

// Asks with HEAD, which does not count against Docker Hub's pull quota. Without a digest in the answer the
// caller uses GET; so it does after a refusal, because some registries refuse HEAD alone.
Task<Result<std::optional<Digest>>> MirrorManifests::ask_digest(proxy::AskedUpstream upstream,
                                                                std::string repository, std::string tag) {
  auto request = registry_request(settings_, "HEAD", repository, "/manifests/" + tag);
  request.headers.add("Accept", std::string(kAcceptManifests));
  request.timeout_ms = request.stall_timeout_ms = settings_.manifest_timeout_ms;
  auto reply = co_await upstream.fetch(std::move(request), 0);
  if (reply) co_return claimed_digest(reply->head.headers);
  const auto kind = reply.error().kind;
  if (kind == Error::Kind::unavailable || kind == Error::Kind::throttled) co_return failure(reply.error());
  co_return std::optional<Digest>();
}

Task<Result<>> MirrorManifests::mark_checked(RepositoryKey key, std::string tag, TagRecord record) {
  record.checked_at = parts_.clock.now();
  auto job = [&store = parts_.store, key, tag, record]() -> Result<> {
    auto put = store.references().put_tag(key, tag, record, store::Durability::buffered);
    // The manifest was evicted meanwhile and its tag with it, so nothing is left to mark.
    if (!put && put.error().kind == Error::Kind::not_found) return {};
    return put;
  };
  co_return co_await parts_.workers.run(std::move(job));
}

// The answer to GET. With several upstreams the next one is the retry.
Task<Result<MirrorManifests::Received>> MirrorManifests::get_reply(proxy::AskedUpstream upstream,
                                                                   std::string repository,
                                                                   std::string reference) {
  for (uint32_t attempts = 1;; ++attempts) {
    auto request = registry_request(settings_, "GET", repository, "/manifests/" + reference);
    request.headers.add("Accept", std::string(kAcceptManifests));
    request.timeout_ms = request.stall_timeout_ms = settings_.manifest_timeout_ms;
    ReservedSink sink(parts_.replies, kManifestBytesMax);
    auto head = co_await upstream.download(std::move(request), sink);
    if (head) co_return Received(proxy::Reply(*std::move(head), sink.take()), sink.place());
    Error error = head.error();
    if (sink.is_too_long()) error.kind = Error::Kind::corrupt;
    if (parts_.upstreams.size() > 1) co_return failure(error);
    auto delay = proxy::retry_delay_ms(kManifestRetry, error, attempts, 0.5);
    if (!delay) co_return failure(error);
    co_await parts_.loop.sleep(Millis(*delay));
  }
}

Task<Result<ServedManifest>> MirrorManifests::fetch(RepositoryKey key, std::string reference,
                                                    std::optional<Digest> asked, std::string tag,
                                                    proxy::Hops hops) {
  auto attempt = [this, key, reference, asked](const proxy::AskedUpstream& upstream) {
    return get(upstream, key.repository, reference, asked);
  };
  auto fetched = co_await parts_.upstreams.first_of(hops, std::move(attempt));
  co_return co_await take(key, std::move(reference), std::move(tag), std::move(fetched));
}

// What that upstream has, if it is what was asked for.
Task<Result<MirrorManifests::Fetched>> MirrorManifests::get(proxy::AskedUpstream upstream,
                                                            std::string repository, std::string reference,
                                                            std::optional<Digest> asked) {
  auto received = co_await get_reply(upstream, std::move(repository), std::move(reference));
  if (!received) co_return failure(received.error());
  if (received->reply.head.status != 200)
    co_return failure(
        Error::Kind::corrupt,
        "upstream answered " + std::to_string(received->reply.head.status) + " where a manifest was due");
  const size_t bytes = received->reply.body.size();
  auto job = [reply = std::move(received->reply), asked]() mutable {
    return understood(std::move(reply), asked);
  };
  auto fetched = co_await parse(parts_.readers, bytes, std::move(job));
  if (fetched) fetched->place = received->place;
  co_return fetched;
}

// The manifest in upstream's answer, if it is what was asked for. Any thread.
Result<MirrorManifests::Fetched> MirrorManifests::understood(proxy::Reply reply,
                                                             const std::optional<Digest>& asked) {
  const auto identity = identity_of(reply, asked);
  if (!identity) return failure(identity.error());
  auto manifest = read_carried_manifest(reply.body, reply.head.headers.get("Content-Type"), identity->digest);
  // Nothing but its form vouches for a tag's manifest: a web page, one that was cut off, or an error with
  // status 200 is none.
  if (!asked && !(manifest.is_readable && manifest.is_known))
    return failure(Error::Kind::corrupt,
                   "what upstream sent is no manifest: " + manifest.content.record.media_type);
  return Fetched(std::move(reply.body), identity->digest, identity->is_of_payload,
                 std::move(manifest.content), ReplyRoom::Place());
}

// Keeps and serves what was fetched.
Task<Result<ServedManifest>> MirrorManifests::take(RepositoryKey key, std::string reference, std::string tag,
                                                   Result<Fetched> fetched) {
  if (!fetched) {
    const auto kind = fetched.error().kind;
    if (kind == Error::Kind::not_found || kind == Error::Kind::denied) {
      negative_cache_.put(flight_key(key, reference), fetched.error(), parts_.clock.now(),
                          Millis(missing_fresh_ms(settings_.freshness, reference)));
    }
    co_return failure(fetched.error());
  }
  negative_cache_.erase(flight_key(key, reference));
  ManifestCache::Entry entry(fetched->content.record.media_type,
                             std::make_shared<const std::string>(std::move(fetched->bytes)));
  // What is stored has the digest of its bytes. This has not, so it is only passed on.
  if (fetched->is_of_payload) {
    parts_.manifests.put(key, fetched->digest, entry);
    auto manifest = served(fetched->digest, entry, CacheResult::pass);
    manifest.place = fetched->place;
    co_return manifest;
  }
  auto kept =
      co_await keep(key, std::move(tag), fetched->digest, std::move(entry), std::move(fetched->content));
  if (kept) kept->place = fetched->place;
  co_return kept;
}

// Stores what upstream sent, then serves it. If it cannot be stored, it is served all the same.
Task<Result<ServedManifest>> MirrorManifests::keep(RepositoryKey key, std::string tag, Digest digest,
                                                   ManifestCache::Entry entry,
                                                   store::ManifestContent content) {
  auto job = [&store = parts_.store, key, digest, bytes = entry.bytes, content = std::move(content), tag] {
    return store.manifests().put(key, digest, *bytes, content, tag, store::Durability::buffered);
  };
  auto stored = co_await parts_.workers.run(std::move(job));
  // Kept in memory even if it is not stored, so that the GET by digest that follows finds it.
  parts_.manifests.put(key, digest, entry);
  if (stored) co_return served(digest, entry, CacheResult::miss);
  parts_.log.warning(
      "manifest_not_stored",
      {{"repository", key.repository}, {"digest", digest.text()}, {"reason", stored.error().message}});
  co_return served(digest, entry, CacheResult::pass);
}

}  // namespace breakwater::routes
