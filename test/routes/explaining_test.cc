// What the operator is told of why something stays and what would go.
#include <algorithm>
#include <chrono>
#include <sstream>
#include <stop_token>

#include "routes/ops/explanations.h"
#include "routes/ops/gc_plan.h"
#include "routes/ops/reasons.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/catalog/store_clock.h"
#include "store/references/references.h"
#include "store/upkeep/collector.h"
#include "store/upkeep/explaining.h"
#include "store/upkeep/planning.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::minutes;
using test::digest_of;
using test::PushedWorld;

Result<std::vector<std::string>> why(const PushedWorld& world, const Digest& digest) {
  const auto found = store::why(world.store->parts(), digest);
  if (!found) return failure(found.error());
  return routes::lines_of(routes::json_of(*found));
}
Result<std::vector<std::string>> why(const PushedWorld& world, const std::string& repository,
                                     const std::string& tag) {
  const auto found = store::why(world.store->parts(), repository, tag);
  if (!found) return failure(found.error());
  std::vector<std::string> lines;
  for (const WhyTag& one : *found) {
    for (auto& line : routes::lines_of(routes::json_of(one))) lines.push_back(std::move(line));
  }
  return lines;
}
Result<std::vector<std::string>> plan(const PushedWorld& world) {
  const auto found = world.store->plan({});
  if (!found) return failure(found.error());
  std::istringstream words(routes::plan_words(routes::json_of(*found, world.store->clock().wall())));
  std::vector<std::string> lines;
  for (std::string line; std::getline(words, line);) lines.push_back(line);
  return lines;
}

bool has_line(const std::vector<std::string>& lines, const std::string& wanted) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(wanted) != std::string::npos; });
}

}  // namespace

TEST_CASE("why a layer stays is told from it up to the tags, through image and index") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  const Digest index = world.push("index", {image}, {"latest", "buildcache"});
  const auto lines = why(world, layer);
  REQUIRE(lines);
  CHECK((*lines)[0].starts_with(layer.text() + ": 5 bytes, on the account of private"));
  CHECK(has_line(*lines, "  in private/team/app"));
  CHECK(has_line(*lines, "    needed by the manifest " + image.text()));
  CHECK(has_line(*lines, "      needed by the manifest " + index.text()));
  CHECK(has_line(*lines, "        tagged buildcache, cache: goes when room is needed"));
  CHECK(has_line(*lines, "        tagged latest"));
}

TEST_CASE("why something stays is told so far up, however long the chain is that keeps it") {
  PushedWorld world;
  Digest subject = world.push("image", {}, {"latest"});
  std::vector<Digest> chain = {subject};
  for (int i = 0; i < 2000; ++i) {
    subject = world.push_referrer("refers " + std::to_string(i), subject);
    chain.push_back(subject);
  }
  const auto lines = why(world, chain.back());
  REQUIRE(lines);
  CHECK(lines->size() < 40);
  CHECK(has_line(*lines, "and more above that"));
  CHECK(has_line(*why(world, chain[10]), "tagged latest"));
}

TEST_CASE("programs are told why a layer stays as a tree: what keeps it, and what keeps that") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const Digest image = world.push("image", {layer}, {});
  const Digest index = world.push("index", {image}, {"latest"});
  const auto found = store::why(world.store->parts(), layer);
  REQUIRE(found);
  const auto json = routes::json_of(*found);
  CHECK(json.at("digest") == layer.text());
  CHECK(json.at("bytes") == 5);
  CHECK(json.at("account") == "private");
  CHECK_FALSE(json.contains("leased_until"));
  const auto& in = json.at("repositories").at(0);
  CHECK(in.at("route") == "private");
  CHECK(in.at("repository") == world.app.repository);
  CHECK_FALSE(in.contains("pushed_at"));  // a layer is no manifest
  const auto& parent = in.at("reasons").at(0);
  CHECK(parent.at("kind") == "parent");
  CHECK(parent.at("digest") == image.text());
  const auto& above = parent.at("because").at(0);
  CHECK(above.at("digest") == index.text());
  const auto& tag = above.at("because").at(0);
  CHECK(tag.at("kind") == "tag");
  CHECK(tag.at("tag") == "latest");
  CHECK(tag.at("standing").at("kind") == "plain");

  const auto tags = store::why(world.store->parts(), world.app.repository, "latest");
  REQUIRE(tags);
  const auto of_tag = routes::json_of(tags->at(0));
  CHECK(of_tag.at("tag").at("tag") == "latest");
  CHECK(of_tag.at("digest") == index.text());
}

TEST_CASE("why something stays may be a lease alone") {
  PushedWorld world;
  const Digest layer = world.upload("layer");
  const auto lines = why(world, layer);
  REQUIRE(lines);
  CHECK(has_line(*lines, "leased until 20"));
  CHECK(has_line(*lines, "nothing but a lease keeps it"));
}

TEST_CASE("a tag is explained by what it names, and one that no route has is not found") {
  PushedWorld world;
  const Digest image = world.push("image", {}, {"latest"});
  const auto lines = why(world, "team/app", "latest");
  REQUIRE(lines);
  CHECK((*lines)[0].starts_with("private/team/app:latest names " + image.text()));
  CHECK(why(world, "team/app", "other").error().kind == Error::Kind::not_found);
}

TEST_CASE("a referrer is told to stay for its subject's tags") {
  PushedWorld world;
  const Digest image = world.push("image", {}, {"latest"});
  const Digest signature = world.push_referrer("signature", image);
  const auto lines = why(world, signature);
  REQUIRE(lines);
  CHECK(has_line(*lines, "refers to " + image.text()));
  CHECK(has_line(*lines, "tagged latest"));
}

TEST_CASE("the plan tells what goes and why, and nothing of it happens") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 1;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  world.pass(world.settings.lease);
  CHECK(*plan(world) == std::vector<std::string>{"nothing would go"});

  world.push("old", {}, {"v1"});
  world.pass(minutes(1));
  world.push("cache", {}, {"buildcache"});
  const Digest left = world.upload("left");
  world.pass(minutes(61));
  const auto lines = plan(world);
  REQUIRE(lines);
  CHECK(has_line(*lines, "now: private/team/app:v1 (not among the last 1, pushed 62 minutes ago), 4 KiB"));
  CHECK(has_line(*lines, "now: blob private/team/app@" + left.text() +
                             " (no tag and no manifest needs it), 4 KiB, 61 min old"));
  CHECK(has_line(*lines, "unreferenced  now "));
  CHECK(has_line(*lines, "if room is needed: private/team/app:buildcache (its policy calls it cache; last "));
  CHECK(world.has_tag("v1"));
  CHECK(world.is_stored(left));
}

TEST_CASE("the plan does not tell of what is gone already") {
  PushedWorld world;
  const Digest left = world.upload("left");
  REQUIRE(world.store->references().delete_link(world.app, left));
  world.collect();
  REQUIRE_FALSE(world.is_stored(left));
  CHECK(*plan(world) == std::vector<std::string>{"nothing would go"});
}

TEST_CASE("the plan tells the time at which keep_for lets a tag go") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_for = std::chrono::hours(48);
  policy.keep_last = 1;
  policy.protect = {"release"};
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  for (const char* tag : {"old", "release", "new"}) {
    world.push(tag, {}, {tag});
    world.pass(minutes(1));
  }
  const auto lines = plan(world);
  REQUIRE(lines);
  CHECK(has_line(*lines, "private/team/app:old (keep_for), 4 KiB"));
  CHECK((*lines)[0].starts_with("after 20"));
  CHECK_FALSE(has_line(*lines, "app:release"));
  CHECK_FALSE(has_line(*lines, "app:new"));
}

TEST_CASE("a signature's tag stays with the image that it names, and the plan and why say so") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_last = 1;
  policy.protect = {"release"};
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const auto signature_of = [](const Digest& image) { return "sha256-" + image.hex() + ".sig"; };
  const Digest release = world.push("release", {}, {"release"});
  world.pass(minutes(1));
  world.push("signature", {}, {signature_of(release)});
  const Digest old = world.push("old", {}, {"old"});
  world.push("old signature", {}, {signature_of(old)});
  world.pass(minutes(1));
  world.push("new", {}, {"new"});
  const std::string orphan = signature_of(digest_of("nothing that is here"));
  world.push("newest signature", {}, {orphan});
  world.pass(minutes(1));

  auto lines = plan(world);
  REQUIRE(lines);
  CHECK(has_line(*lines, "now: private/team/app:old (not among the last 1, "));
  CHECK(has_line(*lines, "private/team/app:" + orphan +
                             " (what it belongs to is not here), 4 KiB with the 1 below it, "));
  CHECK_FALSE(has_line(*lines, signature_of(release)));
  CHECK_FALSE(has_line(*lines, signature_of(old)));
  CHECK(has_line(why(world, "team/app", signature_of(old)).value(),
                 ", stays as long as " + old.text() + " is here"));
  CHECK(has_line(why(world, "team/app", orphan).value(), ", what it belongs to is not here: goes after 20"));
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK_FALSE(world.has_tag("old"));
  for (const std::string& tag : {std::string("new"), signature_of(release), signature_of(old), orphan})
    CHECK(world.has_tag(tag));

  // Its image goes when the lease is over, and it goes along; so does the orphan.
  world.pass(minutes(62));
  lines = plan(world);
  CHECK(has_line(*lines, "now: private/team/app:" + signature_of(old) + " (belongs to " + old.text() + ")"));
  CHECK(has_line(*lines, "now: private/team/app:" + orphan + " (what it belongs to is not here, pushed 6"));
  world.collect();
  CHECK_FALSE(world.has_tag(signature_of(old)));
  CHECK(*world.store->collector().apply_retention() == 1);
  CHECK_FALSE(world.has_tag(orphan));
  for (const std::string& tag : {std::string("new"), std::string("release"), signature_of(release)})
    CHECK(world.has_tag(tag));
}

TEST_CASE("the plan tells of uploads and downloads that broke off, in the order in which they go") {
  PushedWorld world;
  const auto leave = [&](const std::string& route, const std::string& id, Partials::End end) {
    REQUIRE(world.store->partials().put_upload(id, {route, "app", Algorithm::sha256, {}}));
    auto partial = world.store->partials().receive(route, id, Algorithm::sha256);
    REQUIRE(partial->writer->append(std::string(5000, 'x')));
    world.store->partials().end(*std::move(partial), end);
    world.pass(minutes(1));
  };
  leave("private", "upload-kept", Partials::End::kept);
  leave("private", "upload-refused", Partials::End::abandoned);
  leave("dockerhub", store::Partials::fill_id(digest_of("x")), Partials::End::kept);
  auto lines = plan(world);
  REQUIRE(lines);
  CHECK((*lines)[0].starts_with(
      "if room is needed: upload private/app (it was refused for want of room), 8 KiB"));
  CHECK(has_line(*lines, "if room is needed after 20"));
  CHECK(has_line(*lines, ": upload private/app (nobody has continued it since 20"));
  CHECK(has_line(*lines, "if room is needed: download dockerhub (it broke off), 8 KiB"));
  CHECK(has_line(*lines, "broken off  if room is needed       2  16 KiB"));
  world.pass(minutes(61));
  CHECK(has_line(*plan(world), "if room is needed: upload private/app (nobody has continued it since 20"));
}

TEST_CASE("the plan tells of a route that is not configured any more, and how to be rid of it") {
  PushedWorld world;
  world.push("image", {world.upload(std::string(9000, 'x'))}, {"latest"});
  CHECK(plan(world) == std::vector<std::string>{"nothing would go"});
  world.settings.registry_routes.clear();
  REQUIRE(world.open());
  CHECK((*plan(world))[0].starts_with(
      "never by itself: route private (its route is not configured any more: forget-route gives it back), "
      "16 KiB"));
}

TEST_CASE("the plan tells the layers that go with a manifest under it, and not those that others need") {
  PushedWorld world;
  const Digest alone = world.upload(std::string(9000, 'a')), shared = world.upload("shared");
  const Digest image = world.push("image", {alone, shared}, {});
  const Digest index = world.push("index", {image}, {"old"});
  world.push("other", {shared}, {"new"});
  world.pass(world.settings.lease * 2);
  world.collect();
  REQUIRE(world.store->references().delete_tag(world.app, "old"));
  const auto planned = world.store->plan({});
  REQUIRE(planned);
  REQUIRE(planned->items.size() == 1);
  const Planned& item = planned->items[0];
  CHECK(item.digest == index);
  CHECK(item.is_manifest);
  CHECK(item.repository == world.app);
  CHECK(item.bytes == on_disk(9000) + 2 * on_disk(1));
  REQUIRE(item.under.size() == 2);
  CHECK(item.under[0].digest == image);
  CHECK(item.under[1].digest == alone);
  CHECK(has_line(*plan(world), "  with it the blob " + alone.text() + ", 12 KiB"));
}

TEST_CASE("a plan that is stopped ends at once, whatever there is to tell") {
  PushedWorld world;
  RetentionPolicy policy;
  policy.keep_for = minutes(1);
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  world.push("image", {world.upload("layer")}, {"tagged"});
  world.push("stray", {}, {});
  std::stop_source told;
  CHECK(!world.store->plan(told.get_token())->items.empty());
  told.request_stop();
  const auto stopped = world.store->plan(told.get_token());
  REQUIRE(!stopped);
  CHECK(stopped.error().kind == Error::Kind::conflict);
  CHECK(stopped.error().message == "stopped before all was looked at");
}

TEST_CASE("why of what was never seen says so") {
  PushedWorld world;
  CHECK(has_line(*why(world, digest_of("nothing")), "never seen here, or gone"));
  CHECK(why(world, "team/app", "nothing").error().message.find("never seen here, or is gone") !=
        std::string::npos);
}

TEST_CASE("why something stays that nothing names: untagged_after, or nothing any more") {
  PushedWorld world;
  RetentionPolicy policy;
  if (GENERATE(true, false)) policy.untagged_after = std::chrono::hours(72);
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  const Digest image = world.push("image", {}, {"latest"});
  world.pass(world.settings.lease * 2);
  REQUIRE(world.store->references().delete_tag(world.app, "latest"));
  const auto lines = why(world, image);
  REQUIRE(lines);
  CHECK_FALSE(has_line(*lines, "lease"));
  CHECK(has_line(*lines, policy.untagged_after ? "nothing names it: untagged_after keeps it until "
                                               : "nothing keeps it: it goes "));
}

}  // namespace breakwater::store
