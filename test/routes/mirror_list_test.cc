// Lists of upstreams that refuse, page or fail in their own ways: none of it becomes "there is none", or
// "this is all".
#include <string>
#include <vector>

#include "routes/oci/media_type.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/upstream_lists.h"

namespace breakwater::test {
namespace {

using std::chrono::minutes;

constexpr const char* kRepository = "library/alpine";
const std::string kList = "/v2/library/alpine/tags/list";
const std::string kIndexType(routes::kOciIndex);

Canned json(const std::string& body, const std::string& link = "") {
  proxy::Headers headers = {{"Content-Type", "application/json"}};
  if (!link.empty()) headers.add("Link", link);
  return Canned(200, std::move(headers), body);
}

std::string referrers_of(const store::Digest& subject) {
  return "/v2/library/alpine/referrers/" + subject.text();
}
std::string fallback_of(const store::Digest& subject) { return "sha256-" + subject.hex(); }

Fault web_page() { return Fault::reply(200, {{"Content-Type", "text/html; charset=utf-8"}}, "<html>"); }

// A world in which one tag was pulled.
struct PulledWorld : MirrorWorld {
  PulledWorld() {
    hub.manifest(kRepository, "pulled", std::string(routes::kOciManifest), image_of(digest_of("c"), 1, {}));
    get("/v2/library/alpine/manifests/pulled");
  }
};

}  // namespace

TEST_CASE(
    "a tag list that upstream refuses, or that is of no use, is an error and not the few that were pulled") {
  struct Row {
    Fault fault;
    int status;
  };
  std::vector<Row> rows;
  for (const int status : {405, 406, 413, 414, 418, 422, 451, 501})
    rows.push_back({Fault::reply(status), 502});
  rows.push_back({Fault::reply(400), 400});
  rows.push_back({Fault::reply(403), 403});
  rows.push_back({Fault::reply(404), 404});
  rows.push_back({web_page(), 502});
  rows.push_back({Fault::reply(200, {{"Content-Type", "application/json"}}, "{\"tags\":[\"a\""), 502});
  rows.push_back({Fault::reply(200, {{"Content-Type", "application/json"}}, "{\"tags\":[1]}"), 502});
  rows.push_back(
      {Fault::reply(200, {{"Content-Type", "application/json"}, {"Link", "<>; rel=\"next\""}}, tags({"a"})),
       502});
  for (size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i, rows[i].fault.canned.status);
    PulledWorld world;
    world.hub.always(kList, rows[i].fault);
    CHECK(world.get(kList).status == rows[i].status);
  }
}

TEST_CASE("a page of tags behind the first that fails is an error, and does not end the list") {
  PulledWorld world;
  world.hub.always(kList, Fault::reply(503));
  CHECK(world.get(kList + "?n=2&last=a").status == 503);
  CHECK(world.get(kList).status == 200);  // only what was pulled, and it says so
  CHECK(world.get(kList).headers.find("Warning") != nullptr);
}

TEST_CASE("a list is carried with the names that upstream gives") {
  MirrorWorld world;
  world.hub.answer(kList, json(tags({"good", "-bad", "a b"})));
  CHECK(world.get(kList).body == tags({"good", "-bad", "a b"}));
}

TEST_CASE("an upstream that ignores n and last is paged here") {
  MirrorWorld world;
  world.hub.answer(kList, json(tags({"d", "b", "a", "c", "e"})));
  const auto first = world.get(kList + "?n=2");
  CHECK(first.body == tags({"a", "b"}));
  CHECK(first.headers.get("Link") == "</v2/library/alpine/tags/list?n=2&last=b&of=whole>; rel=\"next\"");
  CHECK(world.get(kList + "?n=2&last=b&of=whole").body == tags({"c", "d"}));
  const auto last = world.get(kList + "?n=2&last=d&of=whole");
  CHECK(last.body == tags({"e"}));
  CHECK(last.headers.find("Link") == nullptr);
  CHECK(world.get(kList + "?n=0").body == tags({}));
  CHECK(world.get(kList + "?last=d").body == tags({"e"}));
}

TEST_CASE("an upstream that heeds n and ignores last is paged here too") {
  MirrorWorld world;
  world.hub.next(kList, Fault::reply(200, {{"Content-Type", "application/json"}}, tags({"a", "b"})));
  world.hub.next(kList, Fault::reply(200,
                                     {{"Content-Type", "application/json"},
                                      {"Link", "<" + kList + "?page=2>; rel=\"next\""}},
                                     tags({"a", "b"})));
  world.hub.next(kList, Fault::reply(200, {{"Content-Type", "application/json"}}, tags({"c", "d"})));
  const auto second = world.get(kList + "?n=2&last=b");
  CHECK(second.body == tags({"c", "d"}));
  CHECK(second.headers.find("Link") == nullptr);
  REQUIRE(world.hub.count() == 3);
  CHECK(world.hub.seen()[1].target == kList);
  CHECK(world.hub.seen()[2].target == kList + "?page=2");
}

TEST_CASE("a list of any length passes through, and is cut off visibly if upstream's is") {
  MirrorWorld world;
  std::vector<std::string> names;
  for (int i = 0; i < 400'000; ++i) names.push_back("tag-" + std::to_string(i));
  const auto body = tags(names);
  REQUIRE(body.size() > (4 << 20));
  world.hub.answer(kList, json(body, "<https://elsewhere" + kList + "?page=2>; rel=\"next\""));
  const auto answer = world.get(kList);
  CHECK(answer.status == 200);
  CHECK(answer.body == body);
  CHECK(answer.headers.get("Link") == "</v2/library/alpine/tags/list?page=2>; rel=\"next\"");
  CHECK(world.get(kList).body == body);
  CHECK(world.hub.count() == 3);  // the first was begun to be kept
  world.hub.answer(kList, json("<html>" + body));
  world.clock().advance(minutes(1));
  CHECK(world.get(kList).status == 502);
  Canned cut = json("");
  cut.raw = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size() + 1) + "\r\n\r\n" + body;
  world.hub.answer(kList, cut);
  world.clock().advance(minutes(1));
  CHECK(world.get(kList).status == 0);
}

TEST_CASE("referrers that upstream refuses to list are an error, unless the fallback tag lists them") {
  for (const int status : {400, 401, 403, 406, 413, 414, 418, 422, 451}) {
    CAPTURE(status);
    MirrorWorld world;
    const auto subject = digest_of("subject");
    world.hub.always(referrers_of(subject), Fault::reply(status));
    CHECK(world.get(referrers_of(subject)).status >= 400);
    CHECK(world.get(referrers_of(subject)).status != 404);
    world.clock().advance(minutes(1));
    world.hub.manifest(kRepository, fallback_of(subject), kIndexType, referrers({"s"}));
    const auto answer = world.get(referrers_of(subject));
    CHECK(answer.status == 200);
    CHECK(answer.body.find(digest_of("s").text()) != std::string::npos);
    CHECK(answer.headers.get("Warning").starts_with("299 - "));
  }
}

TEST_CASE("referrers of no use are an error, and not none") {
  const std::vector<Fault> useless = {
      web_page(), Fault::reply(200),
      Fault::reply(200, {{"Content-Type", "application/json"}}, "{\"page\":1}"), Fault::reply(204)};
  for (size_t i = 0; i < useless.size(); ++i) {
    CAPTURE(i);
    MirrorWorld world;
    const auto subject = digest_of("subject");
    world.hub.always(referrers_of(subject), useless[i]);
    CHECK(world.get(referrers_of(subject)).status == 502);
  }
}

TEST_CASE("a fallback tag that is the subject itself, or no index, lists no referrers") {
  const auto child = image_of(digest_of("c"), 1, {});
  const auto subject_bytes = index_of({{digest_of("child"), 1}});
  for (const bool is_subject : {true, false}) {
    CAPTURE(is_subject);
    MirrorWorld world;
    const auto subject = digest_of(subject_bytes);
    world.hub.manifest(kRepository, fallback_of(subject),
                       is_subject ? kIndexType : std::string(routes::kOciManifest),
                       is_subject ? subject_bytes : child);
    const auto answer = world.get(referrers_of(subject));
    CHECK(answer.status == 200);
    CHECK(answer.body.find(R"("manifests":[])") != std::string::npos);
    world.hub.always(referrers_of(subject), Fault::reply(403));
    world.clock().advance(minutes(1));
    CHECK(world.get(referrers_of(subject)).headers.find("Warning") != nullptr);  // the older answer
  }
}

TEST_CASE("a list of referrers that is too long to be kept passes through page by page, unfiltered") {
  MirrorWorld world;
  const auto subject = digest_of("subject");
  const auto path = referrers_of(subject);
  std::vector<std::string> names;
  for (int i = 0; i < 50'000; ++i) names.push_back("r" + std::to_string(i));
  const auto body = referrers(names);
  REQUIRE(body.size() > (4 << 20));
  world.hub.answer(path, Canned(200,
                                {{"Content-Type", kIndexType},
                                 {"Link", "<https://elsewhere" + path + "?page=2>; rel=\"next\""}},
                                body));
  const auto answer = world.get(path + "?artifactType=x");
  CHECK(answer.status == 200);
  CHECK(answer.body == body);
  CHECK(answer.headers.get("Content-Type") == kIndexType);
  CHECK(answer.headers.find("OCI-Filters-Applied") == nullptr);
  CHECK(answer.headers.get("Link") == "<" + path + "?page=2>; rel=\"next\"");
  world.hub.answer(path, Canned(200, {{"Content-Type", kIndexType}}, referrers({"last"})));
  CHECK(world.get(path + "?page=2").body == referrers({"last"}));
  CHECK(world.hub.seen().back().target == path + "?page=2");
}

TEST_CASE("a list that upstream refuses is not asked for again by each client") {
  MirrorWorld world;
  const auto subject = digest_of("subject");
  world.hub.always(kList, Fault::reply(403));
  world.hub.always(referrers_of(subject), Fault::reply(403));
  for (int i = 0; i < 5; ++i) {
    CHECK(world.get(kList).status == 403);
    CHECK(world.get(referrers_of(subject)).status == 403);
  }
  CHECK(world.hub.count("GET", kList) == 1);
  CHECK(world.hub.count("GET", referrers_of(subject)) == 1);
  world.hub.heal();
  world.hub.answer(kList, json(tags({"a"})));
  world.clock().advance(std::chrono::seconds(11));
  CHECK(world.get(kList).body == tags({"a"}));
}

TEST_CASE("lists take no more memory than they may: what is longer is asked for each time") {
  MirrorWorld world;
  world.mirror_settings.kept_list_bytes_max = 1'000;
  const std::string name(600, 'a');
  world.hub.answer(kList, json(tags({name})));
  world.hub.answer("/v2/library/long/tags/list", json(tags({name, name})));
  for (int i = 0; i < 3; ++i) {
    CHECK(world.get(kList).status == 200);
    CHECK(world.get("/v2/library/long/tags/list").status == 200);
  }
  CHECK(world.hub.count("GET", kList) == 1);
  CHECK(world.hub.count("GET", "/v2/library/long/tags/list") == 3);
}

}  // namespace breakwater::test
