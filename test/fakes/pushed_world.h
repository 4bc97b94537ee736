// A registry of our own on a StoreWorld, past its first lease: pushes as clients make them, without HTTP.
//
//   PushedWorld world;
//   const Digest layer = world.upload("layer");
//   const Digest image = world.push("image", {layer}, {"latest"});
//   world.collect();
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::test {

struct PushedWorld : StoreWorld {
  const store::RepositoryKey app{"private", "team/app"};
  const store::RepositoryKey other{"private", "team/other"};
  int uploads = 0;

  PushedWorld() {
    REQUIRE(open());
    clock.advance(settings.lease);
  }

  // An upload session of its own, begun and ended.
  Result<store::Blob> try_upload(const std::string& content, const store::RepositoryKey& repository) {
    const store::Digest digest = digest_of(content);
    auto partial = store->partials().receive(repository.route, "upload-" + std::to_string(uploads++),
                                             store::Algorithm::sha256);
    if (!partial) return failure(partial.error());
    const auto end = [&]() -> Result<store::Blob> {
      if (auto grown = store->capacity().grow(partial->reservation, content.size()); !grown)
        return failure(grown.error());
      if (auto appended = partial->writer->append(content); !appended) return failure(appended.error());
      if (auto verified = partial->writer->verify(digest); !verified) return failure(verified.error());
      return store->commit_blob(*partial, repository, store::Durability::synced);
    };
    auto blob = end();
    if (!blob) store->partials().end(*std::move(partial), store::Partials::End::deleted);
    return blob;
  }
  store::Digest upload(const std::string& content) { return upload(content, app); }
  store::Digest upload(const std::string& content, const store::RepositoryKey& repository) {
    REQUIRE(try_upload(content, repository));
    return digest_of(content);
  }

  // A manifest whose bytes are `text`, and that needs these.
  store::ManifestContent content_of(const std::string& text,
                                    const std::vector<store::Digest>& children) const {
    store::ManifestContent content;
    content.record.media_type = "application/vnd.oci.image.manifest.v1+json";
    content.record.size = text.size();
    for (const store::Digest& child : children) {
      const auto blob = store->catalog().blob(child, store::Reach::disk);
      const uint64_t size = blob && *blob ? (*blob)->size : 1;
      content.children.push_back({child, {"application/octet-stream", size, false}});
    }
    return content;
  }
  Result<std::vector<store::Digest>> try_push(const std::string& text,
                                              const std::vector<store::Digest>& children,
                                              const std::vector<std::string>& tags) {
    return store->manifests().push(app, digest_of(text), text, content_of(text, children), tags);
  }
  store::Digest push(const std::string& text, const std::vector<store::Digest>& children,
                     const std::vector<std::string>& tags) {
    const auto missing = try_push(text, children, tags);
    REQUIRE(missing);
    REQUIRE(missing->empty());
    return digest_of(text);
  }
  store::Digest push_referrer(const std::string& text, const store::Digest& subject) {
    auto content = content_of(text, {});
    content.record.subject = subject;
    content.referrer_descriptor = "{}";
    REQUIRE(store->manifests().push(app, digest_of(text), text, content, {}));
    return digest_of(text);
  }

  // Collects until nothing is left to do now.
  void collect() {
    for (size_t looked = 1; looked > 0;) {
      const auto done = store->collector().collect(100);
      REQUIRE(done);
      looked = *done;
    }
  }
  void pass(std::chrono::milliseconds time) { clock.advance(time); }

  bool has_blob(const store::Digest& digest) {
    return store->blobs().lease(app, digest, store::Reach::disk).has_value();
  }
  // Looks without taking a lease.
  bool is_stored(const store::Digest& digest) { return store->blobs().open(digest).has_value(); }
  bool has_manifest(const store::Digest& digest) {
    const auto record = store->catalog().manifest(app, digest, store::Reach::disk);
    return record && *record;
  }
  bool has_tag(const std::string& tag) {
    const auto record = store->catalog().tag(app, tag, store::Reach::disk);
    return record && *record;
  }
};

}  // namespace breakwater::test
