// What can be asked of and done to the store, as programs read it.
#include <chrono>
#include <nlohmann/json.hpp>

#include "routes/ops/gc_plan.h"
#include "routes/ops/pin_list.h"
#include "routes/ops/removals.h"
#include "routes/ops/upload_list.h"
#include "routes/registry/upload_file.h"
#include "store/blobs/idle_partials.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::routes {
namespace {

using std::chrono::hours;
using store::ImagePattern;
using store::RepositoryKey;
using test::digest_of;
using test::PushedWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};

struct OperatedWorld : PushedWorld {
  OperatedWorld() {
    REQUIRE(put(kAlpine, "layer"));
    const std::string text = "image";
    REQUIRE(store->manifests().put(kAlpine, digest_of(text), text, content_of(text, {digest_of("layer")}),
                                   "1", store::Durability::buffered));
  }
  void begin_upload(const std::string& id, size_t size, bool is_kept) {
    const auto now = store->clock().now();
    REQUIRE(store->partials().put_upload(
        upload_record_id(id),
        {"private", "team/app", store::Algorithm::sha256, now, false, now, "10.0.0.7"}));
    auto partial = store->partials().receive("private", upload_record_id(id), store::Algorithm::sha256);
    REQUIRE(store->capacity().grow(partial->reservation, size));
    REQUIRE(partial->writer->append(std::string(size, 'x')));
    if (is_kept) return store->partials().end(*std::move(partial), store::Partials::End::kept);
    sending.push_back(std::make_unique<store::ReceivedPartial>(*std::move(partial)));
  }
  std::vector<std::unique_ptr<store::ReceivedPartial>> sending;
};

}  // namespace

TEST_CASE("the dry run of a purge and the purge have one shape and say the same") {
  OperatedWorld world;
  const ImagePattern what{"dockerhub", "library/alpine", "1"};
  const auto planned = plan_purge(*world.store, what, {});
  REQUIRE(planned);
  CHECK(planned->at("dry_run") == true);
  CHECK(planned->at("tags").at(0).at("image") == "dockerhub/library/alpine:1");
  CHECK(planned->at("freed_bytes") == 8192);
  std::vector<store::Digest> gone;
  auto done = purge(*world.store, what,
                    [&](const RepositoryKey&, const store::Digest& digest) { gone.push_back(digest); }, {});
  REQUIRE(done);
  CHECK(gone == std::vector<store::Digest>{digest_of("image")});
  CHECK(done->at("dry_run") == false);
  for (const char* field : {"tags", "manifests", "blobs", "stays", "totals", "freed_bytes", "cut"})
    CHECK(done->at(field) == planned->at(field));
}

TEST_CASE("a mirror is purged and a registry's tags are removed, not the other way round") {
  OperatedWorld world;
  world.push("pushed", {world.upload("pushed layer")}, {"latest"});
  CHECK(plan_purge(*world.store, {"private", "team/app"}, {}).error().message.find("use rm") !=
        std::string::npos);
  CHECK(rm(*world.store, {"dockerhub", "library/alpine"}, {}).error().message.find("use purge") !=
        std::string::npos);
  CHECK(rm(*world.store, {"private", "nothing"}, {}).error().kind == Error::Kind::not_found);
  const auto removed = rm(*world.store, {"private", "team/app", "latest"}, {});
  REQUIRE(removed);
  CHECK(removed->at("manifests").at(0).at("goes_after").get<std::string>().starts_with("20"));
  CHECK(removed->at("words").get<std::string>().find("stays for its lease") != std::string::npos);
}

TEST_CASE("pins are told with what they cover, and so is what they keep from being evicted") {
  OperatedWorld world;
  const ImagePattern what{"dockerhub", "library/*", "1"};
  CHECK(plan_pin(*world.store, what)->at("changed") == true);
  CHECK(pins(*world.store)->at("pins").empty());
  const auto pinned = pin(*world.store, what);
  REQUIRE(pinned);
  CHECK(pinned->at("changed") == true);
  CHECK(pinned->at("covers").at("tags") == 1);
  CHECK(pin(*world.store, what)->at("changed") == false);
  const auto list = pins(*world.store);
  REQUIRE(list);
  CHECK(list->at("pins").at(0).at("what") == "dockerhub/library/*:1");
  CHECK(list->at("pins").at(0).at("kind") == "mirror");
  CHECK(plan_unpin(*world.store, what)->at("changed") == true);
  CHECK(unpin(*world.store, what)->at("changed") == true);
  CHECK(unpin(*world.store, what)->at("changed") == false);
}

TEST_CASE("uploads are told with who began them, and one that broke off gives its room back when aborted") {
  OperatedWorld world;
  world.begin_upload("one", 9000, true);
  world.pass(hours(1));
  world.begin_upload("two", 5000, false);
  const auto all = uploads(*world.store);
  REQUIRE(all);
  REQUIRE(all->at("uploads").size() == 2);
  const auto& one = all->at("uploads").at(0);
  CHECK(one.at("id") == "one");
  CHECK(one.at("state") == "broken off");
  CHECK(one.at("client") == "10.0.0.7");
  CHECK(one.at("repository") == "team/app");
  CHECK(one.at("bytes") == 9000);
  CHECK(all->at("uploads").at(1).at("state") == "open");
  CHECK(all->at("totals").at("broken_off") == 1);
  CHECK(world.store->idle_partials().sums().at("private").bytes == 12288);

  const uint64_t before = world.store->budget().of("private").stored;
  CHECK(plan_abort_upload(*world.store, "one")->at("freed_bytes") == 12288);
  CHECK(world.store->budget().of("private").stored == before);
  const auto aborted = abort_upload(*world.store, "one");
  REQUIRE(aborted);
  CHECK(aborted->at("freed_bytes") == 12288);
  CHECK(world.store->budget().of("private").stored == before - 12288);
  CHECK(abort_upload(*world.store, "one").error().kind == Error::Kind::not_found);
  const auto open = abort_upload(*world.store, "two");
  CHECK(open.error().kind == Error::Kind::conflict);
  CHECK(open.error().message.find("10.0.0.7") != std::string::npos);
}

TEST_CASE("the plan as programs read it has a size, an age, a reason and a total for each thing") {
  OperatedWorld world;
  store::RetentionPolicy policy;
  policy.keep_last = 1;
  world.settings.retention["private"] = {policy};
  REQUIRE(world.open());
  world.pass(hours(2));
  world.push("old", {world.upload(std::string(9000, 'o'))}, {"v1"});
  world.begin_upload("one", 5000, true);
  world.pass(hours(3));
  world.push("new", {}, {"v2"});
  const auto planned = world.store->plan({});
  REQUIRE(planned);
  const auto plan = json_of(*planned, world.store->clock().to_wall(world.store->clock().now()));
  const auto& tag = plan.at("items").at(0);
  CHECK(tag.at("what") == "private/team/app:v1");
  CHECK(tag.at("bytes") == 12288 + 4096);
  CHECK(tag.at("age_s") == 3 * 3600);
  CHECK(tag.at("reason") == "retention");
  CHECK(tag.at("when") == "now");
  CHECK(tag.at("under_total") == 2);
  for (const auto& item : plan.at("items")) {
    CHECK_FALSE(item.at("why").get<std::string>().empty());
    CHECK_FALSE((item.contains("route") && item.at("route") == ""));
  }
  uint64_t bytes = 0;
  for (const auto& total : plan.at("totals")) bytes += total.at("bytes").get<uint64_t>();
  CHECK(bytes == 12288 + 4096 + 8192);
}

}  // namespace breakwater::routes
