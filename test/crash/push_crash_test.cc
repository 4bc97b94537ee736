// A push, cut at every step of the disk: what was acknowledged is there after the next start, under its tag;
// the rest is absent or can go on; nothing is half.
#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/references/manifest_content.h"
#include "store/references/references.h"
#include "store/store.h"
#include "test/catch.h"
#include "test/crash/crash.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using test::content_of;
using test::digest_of;
using test::End;
using test::StoreWorld;

const RepositoryKey kApp{"private", "team/app"};
const std::string kUpload = "upload-0123456789abcdef0123456789abcdef";
constexpr size_t kPieceBytes = 10'000;

// A manifest and all that it names.
struct Image {
  std::string layer;
  std::string config;
  std::string manifest;

  explicit Image(uint32_t seed)
      : layer(content_of(45'000, seed)),
        config(content_of(700, seed + 1)),
        manifest(content_of(1'500, seed + 2)) {}
  ManifestContent content() const {
    ManifestContent content;
    content.record = {"application/vnd.oci.image.manifest.v1+json", manifest.size(), {}, {}, {}, {}};
    content.children = {{digest_of(config), {"config", config.size(), false}},
                        {digest_of(layer), {"layer", layer.size(), false}}};
    return content;
  }
};
const Image kBefore(10);
const Image kDuring(20);

// What a client was told.
struct Acknowledged {
  bool layer = false;
  bool config = false;
  bool manifest = false;
};

// POST, PATCHes and PUT of one blob, or what is left of them after a crash. A session that is not known
// begins anew.
bool upload(StoreWorld& world, const std::string& id, const std::string& bytes) {
  Store& store = *world.store;
  const auto known = store.catalog().upload(id, Reach::disk);
  if (!known) return false;
  if (!*known) {
    Batch batch;
    batch.put_upload(id, {kApp.route, kApp.repository, Algorithm::sha256, world.clock.now()});
    if (!store.parts().catalog.write(std::move(batch), Durability::buffered)) return false;
  }
  auto partial = store.partials().receive(kApp.route, id, Algorithm::sha256);
  if (!partial || !store.capacity().grow(partial->reservation, bytes.size())) return false;
  while (partial->writer->written() < bytes.size()) {
    const auto rest = std::span<const char>(bytes).subspan(partial->writer->written());
    if (!partial->writer->append(rest.first(std::min(rest.size(), kPieceBytes)))) return false;
  }
  if (!partial->writer->verify(digest_of(bytes))) return false;
  return store.commit_blob(*partial, kApp, Durability::synced).has_value();
}

bool push_manifest(StoreWorld& world, const Image& image, const std::vector<std::string>& tags) {
  const auto missing =
      world.store->manifests().push(kApp, digest_of(image.manifest), image.manifest, image.content(), tags);
  return missing && missing->empty();
}

Acknowledged push(StoreWorld& world, const Image& image) {
  Acknowledged acknowledged;
  acknowledged.layer = upload(world, kUpload, image.layer);
  acknowledged.config = acknowledged.layer && upload(world, kUpload + "c", image.config);
  acknowledged.manifest = acknowledged.config &&
                          push_manifest(world, image, {"latest", "v" + std::to_string(image.layer.size())});
  return acknowledged;
}

bool is_served(StoreWorld& world, const std::string& bytes) {
  return world.holds(bytes) && world.store->blobs().lease(kApp, digest_of(bytes), Reach::disk).has_value();
}

bool is_whole(StoreWorld& world, const Image& image) {
  return world.store->manifests().bytes(kApp, digest_of(image.manifest)) == image.manifest &&
         is_served(world, image.config) && is_served(world, image.layer);
}

std::optional<Digest> tagged(StoreWorld& world, const std::string& tag) {
  const auto held = world.store->references().lease_tag(kApp, tag, Reach::disk);
  if (!held) return std::nullopt;
  return held->digest;
}

void check_nothing_is_half(StoreWorld& world) {
  test::check_all_is_whole(world);
  const auto partials = world.store->parts().files.partials();
  REQUIRE(partials);
  for (const Files::Partial& partial : *partials) {
    INFO(partial.id);
    const auto session = world.store->catalog().upload(partial.id, Reach::disk);
    CHECK((session && session->has_value()));
  }
  const auto manifests = world.store->catalog().manifest(kApp, digest_of(kDuring.manifest), Reach::disk);
  REQUIRE(manifests);
  if (*manifests) CHECK(is_whole(world, kDuring));
}

// False when the push has fewer steps than that.
bool cut_once(uint64_t step, End end) {
  INFO("cut at step " << step << " of end " << static_cast<int>(end));
  StoreWorld world;
  REQUIRE(world.open());
  REQUIRE(push(world, kBefore).manifest);
  REQUIRE(push_manifest(world, kBefore, {"latest"}));
  const uint64_t before = world.disk.changing_operations();
  world.disk.cut_at_change(step);
  const Acknowledged acknowledged = push(world, kDuring);
  const bool was_cut = world.disk.changing_operations() - before >= step;
  test::die(world, end);

  REQUIRE(world.open());
  check_nothing_is_half(world);
  CHECK(is_whole(world, kBefore));
  if (acknowledged.layer) CHECK(is_served(world, kDuring.layer));
  if (acknowledged.config) CHECK(is_served(world, kDuring.config));
  const auto latest = tagged(world, "latest");
  if (latest == digest_of(kDuring.manifest)) {
    CHECK(is_whole(world, kDuring));
  } else {
    CHECK(latest == digest_of(kBefore.manifest));
    CHECK_FALSE(acknowledged.manifest);
  }

  // And the client goes on, whatever was left.
  REQUIRE(push(world, kDuring).manifest);
  CHECK(is_whole(world, kDuring));
  CHECK(tagged(world, "latest") == digest_of(kDuring.manifest));
  CHECK(world.store->parts().files.partials()->empty());
  check_nothing_is_half(world);
  return was_cut;
}

TEST_CASE("a push is cut at every step, and what was acknowledged is there") {
  test::cut_each_step(15, 400, cut_once);
}

TEST_CASE("an upload that loses power between two pieces goes on from what was kept") {
  for (const End end : test::kEnds) {
    for (size_t pieces = 1; pieces * kPieceBytes < kDuring.layer.size(); ++pieces) {
      INFO(pieces << " pieces, end " << static_cast<int>(end));
      StoreWorld world;
      REQUIRE(world.open());
      Batch batch;
      batch.put_upload(kUpload, {kApp.route, kApp.repository, Algorithm::sha256, world.clock.now()});
      REQUIRE(world.store->parts().catalog.write(std::move(batch), Durability::buffered));
      {
        auto partial = world.store->partials().receive(kApp.route, kUpload, Algorithm::sha256);
        REQUIRE(partial);
        REQUIRE(world.store->capacity().grow(partial->reservation, kDuring.layer.size()));
        const auto bytes = std::span<const char>(kDuring.layer);
        for (size_t piece = 0; piece < pieces; ++piece)
          REQUIRE(partial->writer->append(bytes.subspan(piece * kPieceBytes, kPieceBytes)));
        world.disk.stop();
      }
      test::die(world, end);
      REQUIRE(world.open());
      check_nothing_is_half(world);
      if (end == End::process_killed) {
        const auto partial = world.store->partials().receive(kApp.route, kUpload, Algorithm::sha256);
        REQUIRE(partial);
        CHECK(partial->writer->written() == pieces * kPieceBytes);
      }
      REQUIRE(upload(world, kUpload, kDuring.layer));
      CHECK(is_served(world, kDuring.layer));
      CHECK(world.store->parts().files.partials()->empty());
      check_nothing_is_half(world);
    }
  }
}

}  // namespace
}  // namespace breakwater::store
