// The last requests: what is known of each, which are found, and who follows.
#include "routes/ops/request_ring.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "routes/ops/request_log.h"
#include "test/catch.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/recorded_exchange.h"
#include "test/fakes/run.h"

namespace breakwater::routes {
namespace {

using test::RecordedExchange;

const std::string kDigest = "sha256:" + std::string(64, 'a');

struct World {
  explicit World(size_t entries = RequestRing::kEntriesMax) : ring(loop, clock, entries) {}

  // A request as the Router has it in the end.
  void add(const std::string& target, int status = 200, CacheResult cache = CacheResult::hit,
           uint8_t host = 7) {
    RecordedExchange exchange("GET", target, {{"User-Agent", "containerd/1.7"}});
    exchange.set_peer(10, 0, 0, host);
    add(exchange, status, cache);
  }
  void add(RecordedExchange& exchange, int status, CacheResult cache) {
    RequestContext context;
    context.route = "dockerhub";
    context.trace = "abc";
    context.cache = cache;
    context.error = error;
    context.upstream = upstream;
    if (auto path = parse_oci_path(exchange.request().target)) context.path = *path;
    context.repository = context.path.name.empty() ? "" : "library/" + context.path.name;
    exchange.reply(status, {}, std::string_view("four"));
    ring.add({exchange, context, status, 0.25, loop.now()});
  }
  std::vector<uint64_t> numbers(const RequestFilter& filter) const {
    std::vector<uint64_t> numbers;
    for (const auto& request : ring.last(filter, 100).requests) numbers.push_back(request.number);
    return numbers;
  }

  proxy::Loop loop;
  test::FakeClock clock;
  RequestRing ring;
  std::string error;
  std::shared_ptr<const proxy::UpstreamNote> upstream;
};

RequestFilter outcome(const std::string& name) {
  RequestFilter filter;
  REQUIRE(filter.set_outcome(name));
  return filter;
}

proxy::Task<> follow(RequestRing& ring, uint64_t until, std::vector<uint64_t>& seen) {
  for (uint64_t number = 0; number < until;) {
    while (ring.newest() <= number) co_await ring.more().wait();
    const auto page = ring.after(number, RequestFilter(), 100);
    for (const auto& request : page.requests) seen.push_back(request.number);
    number = page.next;
  }
}

}  // namespace

TEST_CASE("a request is remembered with all that is known of it") {
  World world;
  world.error = "upstream said no";
  world.add("/v2/alpine/manifests/3.20", 502, CacheResult::none);
  world.error.clear();
  world.add("/v2/alpine/blobs/" + kDigest);
  const auto page = world.ring.last({}, 10);
  REQUIRE(page.requests.size() == 2);
  const PastRequest& one = page.requests[0];
  CHECK(one.number == 1);
  CHECK(one.route == "dockerhub");
  CHECK(one.client == "10.0.0.7");
  CHECK(one.method == "GET");
  CHECK(one.repository == "library/alpine");
  CHECK(one.reference == "3.20");
  CHECK(one.status == 502);
  CHECK(one.bytes == 4);
  CHECK(one.seconds == 0.25);
  CHECK(one.cache == CacheResult::none);
  CHECK(one.reason == "upstream said no");
  CHECK(one.user_agent == "containerd/1.7");
  CHECK(one.trace == "abc");
  CHECK(one.at <= world.clock.wall());
  CHECK(one.at > world.clock.wall() - std::chrono::minutes(5));
  CHECK(page.requests[1].reference == kDigest);
  CHECK(page.requests[1].reason.empty());
  const auto json = requests_json(world.ring, {});
  CHECK(json["requests"][1]["reference"] == kDigest);
  CHECK(json["requests"][0]["reason"] == "upstream said no");
  CHECK_FALSE(json["requests"][1].contains("reason"));
  CHECK(json["next"] == 2);
}

TEST_CASE("texts that are too long are cut, and the others stay whole") {
  World world;
  world.error = std::string(5000, 'e');
  RecordedExchange exchange("GET", "/v2/" + std::string(250, 'r') + "/manifests/" + std::string(128, 't'),
                            {{"User-Agent", std::string(5000, 'u')}});
  world.add(exchange, 500, CacheResult::none);
  world.error.clear();
  world.add("/v2/alpine/manifests/3.20");
  const auto page = world.ring.last({}, 10);
  CHECK(page.requests[0].route == "dockerhub");
  CHECK(page.requests[0].repository == "library/" + std::string(120, 'r'));
  CHECK(page.requests[0].reference == std::string(64, 't'));
  CHECK(page.requests[0].status == 500);
  CHECK(page.requests[1].repository == "library/alpine");
}

TEST_CASE("a reason that is cut says so, and parts no character") {
  World world;
  const std::string reason = "unavailable for now: " + std::string(228, 'e');
  for (const auto* end : {"e", "eéé", "eeéé"}) {
    world.error = reason + end + std::string(100, 'e');
    world.add("/v2/alpine/manifests/3.20", 503, CacheResult::none);
  }
  world.error = std::string(255, 'e');
  world.add("/v2/alpine/manifests/3.20", 503, CacheResult::none);
  const auto page = world.ring.last({}, 10);
  REQUIRE(page.requests.size() == 4);
  CHECK(page.requests[0].reason == reason + "eee…");
  CHECK(page.requests[1].reason == reason + "eé…");
  CHECK(page.requests[2].reason == reason + "ee…");
  CHECK(page.requests[3].reason == std::string(255, 'e'));
}

TEST_CASE("what upstream did for a request, and what range it was of, is remembered") {
  World world;
  world.upstream = std::make_shared<proxy::UpstreamNote>(proxy::UpstreamNote{.status = 206, .seconds = 0.5});
  RecordedExchange exchange("GET", "/v2/alpine/blobs/" + kDigest, {{"Range", "bytes=7-9"}});
  world.add(exchange, 206, CacheResult::pass);
  world.upstream = nullptr;
  world.add("/v2/alpine/blobs/" + kDigest);
  const auto json = requests_json(world.ring, {});
  CHECK(json["requests"][0]["range"] == "bytes=7-9");
  CHECK(json["requests"][0]["upstream_status"] == 206);
  CHECK(json["requests"][0]["upstream_seconds"] == 0.5);
  CHECK_FALSE(json["requests"][1].contains("range"));
  CHECK_FALSE(json["requests"][1].contains("upstream_status"));
  CHECK_FALSE(json["requests"][1].contains("upstream_seconds"));
}

TEST_CASE("a request that names nothing, of a client that says nothing of itself, is remembered") {
  World world;
  RecordedExchange exchange("GET", "/v2/");
  world.add(exchange, 200, CacheResult::none);
  const auto page = world.ring.last({}, 10);
  REQUIRE(page.requests.size() == 1);
  CHECK(page.requests[0].user_agent.empty());
  CHECK(page.requests[0].repository.empty());
  CHECK(page.requests[0].reference.empty());
}

TEST_CASE("what is no UTF-8 does not break the answer") {
  World world;
  world.error = "\xff\xfe\x1b[2J";
  world.add("/v2/alpine/manifests/3.20", 500);
  CHECK(requests_json(world.ring, {}).dump().find("\\\\xff") != std::string::npos);
}

TEST_CASE("requests are found by route, repository, reference, client and how they ended") {
  World world;
  world.add("/v2/alpine/manifests/3.20", 200, CacheResult::hit, 7);     // 1
  world.add("/v2/alpine/blobs/" + kDigest, 200, CacheResult::miss, 8);  // 2
  world.add("/v2/busybox/manifests/1", 404, CacheResult::none, 130);    // 3
  world.add("/v2/busybox/manifests/1", 503, CacheResult::stale, 7);     // 4
  world.add("/v2/busybox/manifests/1", 499, CacheResult::follow, 7);    // 5
  using Numbers = std::vector<uint64_t>;
  CHECK(world.numbers({}) == Numbers{1, 2, 3, 4, 5});
  RequestFilter filter;
  filter.repository = "library/alpine";
  CHECK(world.numbers(filter) == Numbers{1, 2});
  filter.repository = "*busy*";
  CHECK(world.numbers(filter) == Numbers{3, 4, 5});
  filter.reference = "1";
  filter.client = *proxy::IpNetwork::parse("10.0.0.0/25");
  CHECK(world.numbers(filter) == Numbers{4, 5});
  filter = {};
  filter.client = *proxy::IpNetwork::parse("10.0.0.8");
  CHECK(world.numbers(filter) == Numbers{2});
  filter = {};
  filter.reference = kDigest;
  CHECK(world.numbers(filter) == Numbers{2});
  filter = {};
  filter.route = "ghcr";
  CHECK(world.numbers(filter).empty());
  filter.route = "dockerhub";
  CHECK(world.numbers(filter).size() == 5);
  CHECK(world.numbers(outcome("ok")) == Numbers{1, 2});
  CHECK(world.numbers(outcome("hit")) == Numbers{1});
  CHECK(world.numbers(outcome("miss")) == Numbers{2});
  CHECK(world.numbers(outcome("refused")) == Numbers{3});
  CHECK(world.numbers(outcome("error")) == Numbers{4});
  CHECK(world.numbers(outcome("left")) == Numbers{5});
  CHECK(world.numbers(outcome("any")).size() == 5);
  const auto wrong = RequestFilter().set_outcome("hits");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.find("revalidated, pass, not as \"hits\"") != std::string::npos);
}

TEST_CASE("the ring keeps the last ones, and whoever asks behind a number learns how many it has missed") {
  World world(4);
  CHECK(world.ring.after(0, {}, 10).missed == 0);
  for (int i = 0; i < 10; ++i) world.add("/v2/a/manifests/1", i % 2 == 0 ? 200 : 404);
  CHECK(world.numbers({}) == std::vector<uint64_t>{7, 8, 9, 10});
  auto page = world.ring.after(3, {}, 2);
  CHECK(page.missed == 3);
  REQUIRE(page.requests.size() == 2);
  CHECK(page.requests[0].number == 7);
  CHECK(page.next == 8);
  page = world.ring.after(page.next, {}, 2);
  CHECK(page.missed == 0);
  CHECK(page.requests[1].number == 10);
  page = world.ring.after(page.next, {}, 2);
  CHECK(page.requests.empty());
  CHECK(page.next == 10);
  // From before a restart.
  CHECK(world.ring.after(4000, {}, 10).requests.size() == 4);
  // Those that the filter does not want are behind whoever asked.
  page = world.ring.after(6, outcome("refused"), 1);
  CHECK(page.requests[0].number == 8);
  page = world.ring.after(8, outcome("refused"), 10);
  CHECK(page.requests.size() == 1);
  CHECK(page.next == 10);
  CHECK(world.ring.last({}, 2).requests[0].number == 9);
}

TEST_CASE("the whole ring is gone through backwards, a page at a time") {
  World world(4096);
  for (int i = 0; i < 5000; ++i) world.add("/v2/a/manifests/1", i % 2 == 0 ? 200 : 404);
  for (const bool has_filter : {false, true}) {
    std::vector<uint64_t> seen;
    for (uint64_t before = UINT64_MAX; before > 0;) {
      const auto page =
          world.ring.before(before, has_filter ? outcome("refused") : RequestFilter(), 100, 130);
      CHECK(page.requests.size() <= 100);
      for (size_t i = page.requests.size(); i > 0; --i) seen.push_back(page.requests[i - 1].number);
      before = page.previous;
    }
    REQUIRE(seen.size() == (has_filter ? 2048 : 4096));
    CHECK(seen.front() == 5000);
    CHECK(seen.back() == (has_filter ? 906 : 905));
    CHECK(std::is_sorted(seen.rbegin(), seen.rend()));
  }
  RequestsQuestion question;
  question.before = 4000;
  const auto json = requests_json(world.ring, question);
  CHECK(json["requests"].size() == kRequestsMax);
  CHECK(json["requests"].back()["number"] == 3999);
  CHECK(json["previous"] == 3900);
  question.before = 905;
  CHECK(requests_json(world.ring, question)["requests"].empty());
  CHECK_FALSE(requests_json(world.ring, question).contains("previous"));
}

TEST_CASE("an answer looks at so many requests, whatever the filter wants, and says where it was") {
  World world(100'000);
  for (int i = 0; i < 20'000; ++i) world.add("/v2/a/manifests/1");
  const auto rare = outcome("miss");
  auto page = world.ring.before(UINT64_MAX, rare, 10, 5000);
  CHECK(page.requests.empty());
  CHECK(page.previous == 15'001);
  page = world.ring.after(0, rare, 10, 5000);
  CHECK(page.requests.empty());
  CHECK(page.next == 5000);
  CHECK(world.ring.last({}, 10).requests.size() == 10);
}

TEST_CASE("whoever follows sees each request once, in order") {
  World world;
  std::vector<uint64_t> seen;
  proxy::Tasks tasks(world.loop);
  tasks.spawn(follow(world.ring, 5, seen));
  world.add("/v2/a/manifests/1");
  world.add("/v2/a/manifests/1");
  test::run_some_turns(world.loop);
  CHECK(seen == std::vector<uint64_t>{1, 2});
  for (int i = 0; i < 3; ++i) world.add("/v2/a/manifests/1");
  test::run_some_turns(world.loop);
  CHECK(seen == std::vector<uint64_t>{1, 2, 3, 4, 5});
  CHECK(tasks.size() == 0);
}

TEST_CASE("the ring has the memory that it is said to have, and an answer has an end") {
  CHECK(RequestRing::kEntriesMax * RequestRing::kEntryBytes == size_t{2} << 20);
  World world;
  for (int i = 0; i < 300; ++i) world.add("/v2/a/manifests/1");
  RequestsQuestion question;
  question.after = 0;
  question.limit = SIZE_MAX;
  const auto json = requests_json(world.ring, question);
  CHECK(json["requests"].size() == kRequestsMax);
  CHECK(json["next"] == kRequestsMax);
  CHECK(json["newest"] == 300);
}

}  // namespace breakwater::routes
