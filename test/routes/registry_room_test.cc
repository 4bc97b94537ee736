// A full store refuses new bytes, says which bound is reached and how full it is, keeps what it has and goes
// on when there is room.
#include "store/upkeep/collector.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using std::chrono::minutes;

constexpr const char* kRepository = "team/app";
constexpr uint64_t kBound = 1 << 20;

void check_full(const Reply& refused, std::string_view bound) {
  CHECK(refused.status == 403);
  CHECK(refused["Content-Type"] == routes::kJson);
  CHECK(refused.body.starts_with(R"({"errors":[{"code":"DENIED","message":")"));
  CAPTURE(refused.body);
  CHECK(refused.body.find(bound) != std::string::npos);
  CHECK(refused.body.find(" is full: ") != std::string::npos);
  CHECK(refused.body.find(" more; raise bytes_max ") != std::string::npos);
  CHECK(refused.body.find(" or delete tags (trace ") != std::string::npos);
}

// Removes a blob that no manifest needs, lets the leases pass and lets the collector do its work.
void make_room(RegistryWorld& world, const store::Digest& blob) {
  CHECK(world.remove(blob_path(kRepository, blob)).status == 202);
  world.clock().advance(minutes(61));
  CHECK(world.store().collector().collect(1000));
  CHECK(world.store().collector().collect(1000));
}

}  // namespace

TEST_CASE("a push that does not fit into its route's bound is 403, and succeeds when room was made") {
  RegistryWorld world;
  world.files.settings.route_bytes_max["private"] = kBound;
  const auto first = world.push_blob(kRepository, content_of(600'000, 1));
  const auto content = content_of(600'000, 2);
  const auto push = [&] {
    return world.post(with_digest(uploads_path(kRepository), digest_of(content)), content);
  };
  const auto refused = push();
  check_full(refused, "private");
  CHECK(refused.body.find(" of 1 MiB, and this needs 588 KiB more;") != std::string::npos);
  CHECK(world.partial_files() == 0);
  CHECK(world.get(blob_path(kRepository, first.digest)).status == 200);
  make_room(world, first.digest);
  CHECK(push().status == 201);
}

TEST_CASE("a push that does not fit into the whole store is 403 and names that bound") {
  RegistryWorld world;
  world.start();
  world.files.settings.bytes_max = world.store().budget().overhead() + (8 << 20);
  world.stop();
  world.push_blob(kRepository, content_of(1 << 20, 3));
  const auto content = content_of(16 << 20, 4);
  const auto refused = world.post(with_digest(uploads_path(kRepository), digest_of(content)), content);
  check_full(refused, "the store is full: ");
}

TEST_CASE("a length that is only claimed takes no room: who sends what he says is 201") {
  const bool ranged = GENERATE(false, true);
  RegistryWorld world;
  world.files.settings.route_bytes_max["private"] = kBound;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 60; ++i) {
    const auto location = world.begin_upload(kRepository);
    const proxy::Headers framing =
        ranged ? proxy::Headers{{"Transfer-Encoding", "chunked"}, {"Content-Range", "0-899999"}}
               : proxy::Headers{{"Content-Length", "900000"}};
    clients.push_back(world.connect());
    clients.back()->send(request_text("PATCH", location, framing));
    clients.back()->deliver();
  }
  run_until(world.loop, [&] { return world.requests_running() == clients.size(); });
  CHECK(world.store().budget().whole().reserved == 0);
  const auto content = content_of(900'000, 31);
  CHECK(world.post(with_digest(uploads_path(kRepository), digest_of(content)), content).status == 201);
}

TEST_CASE(
    "what is reserved for an upload is about twice what came of it, at most, and the rest is given back") {
  RegistryWorld world;
  const auto content = content_of(7'000'000, 32);
  const auto location = world.begin_upload(kRepository);
  const auto request = request_text("PATCH", location, {{"Transfer-Encoding", "chunked"}}, chunked(content));
  auto client = world.connect();
  client->send(std::string_view(request).substr(0, request.size() - 2));
  const auto received = [&] { return world.store().parts().files.receiving_bytes(); };
  const auto reserved = [&] { return world.store().budget().whole().reserved; };
  run_until(world.loop, [&] {
    const uint64_t held = reserved();  // asked first: what came only grows
    CHECK(held <= 2 * received() + (1 << 20));
    return received() >= content.size();
  });
  CHECK(reserved() > store::on_disk(content.size()));
  const bool is_gone = GENERATE(false, true);
  is_gone ? client->reset() : client->send("\r\n");
  world.settle();
  CHECK(reserved() == store::on_disk(content.size()));
}

TEST_CASE("many uploads of one byte and no length take a block each") {
  RegistryWorld world;
  for (int i = 0; i < 20; ++i)
    CHECK(world.patch_streamed(world.begin_upload(kRepository), "x").status == 202);
  world.settle();
  CHECK(world.store().budget().whole().reserved == 20 * store::on_disk(1));
}

TEST_CASE("an upload that meets a full store lives on: when there is room it goes on where it was") {
  const bool streamed = GENERATE(false, true);
  RegistryWorld world;
  world.settings.uploads.growth_bytes = 64 << 10;
  world.files.settings.route_bytes_max["private"] = kBound;
  const auto first = world.push_blob(kRepository, content_of(400'000, 5));
  const auto content = content_of(900'000, 6);
  const auto location = world.begin_upload(kRepository);
  check_full(streamed ? world.patch_streamed(location, content) : world.patch(location, content), "private");
  const auto status = world.get(location);
  CHECK(status.status == 204);
  const size_t received =
      status["Range"] == "0-0" ? 0 : std::stoul(std::string(status["Range"].substr(2))) + 1;
  CHECK((received > 0) == streamed);
  CHECK(world.head(blob_path(kRepository, first.digest)).status == 200);
  make_room(world, first.digest);
  CHECK(world.put(with_digest(location, digest_of(content)), content.substr(received)).status == 201);
  CHECK((world.get(blob_path(kRepository, digest_of(content))).body == content));
}

TEST_CASE(
    "what an upload has received that met a full store makes room for others at once, also when its client "
    "has asked how far it came") {
  const bool asked = GENERATE(false, true);
  RegistryWorld world;
  world.settings.uploads.growth_bytes = 64 << 10;
  world.files.settings.route_bytes_max["private"] = kBound;
  const auto large = content_of(2 * kBound, 21);
  const auto location = world.begin_upload(kRepository);
  check_full(world.patch_streamed(location, large), "private");
  CHECK(world.partial_files() == 1);
  if (asked) CHECK(world.get(location).status == 204);
  const auto small = content_of(600'000, 22);
  CHECK(world.post(with_digest(uploads_path(kRepository), digest_of(small)), small).status == 201);
  CHECK(world.partial_files() == 0);
  CHECK(world.get(location).status == 404);
}

TEST_CASE(
    "what an upload has received that met a full store makes room after a restart too, unless its client has "
    "come back") {
  const bool came_back = GENERATE(false, true);
  RegistryWorld world;
  world.settings.uploads.growth_bytes = 64 << 10;
  // Room for whole pieces, and for the little that a client sends who comes back.
  world.files.settings.route_bytes_max["private"] = kBound + (64 << 10);
  const auto large = content_of(2 * kBound, 23);
  const auto location = world.begin_upload(kRepository);
  check_full(world.patch_streamed(location, large), "private");
  world.stop();
  world.start();
  if (came_back) CHECK(world.patch_streamed(location, large.substr(0, 100)).status == 202);
  if (came_back) world.crash();
  if (came_back) world.start();
  const auto small = content_of(600'000, 24);
  CHECK(world.post(with_digest(uploads_path(kRepository), digest_of(small)), small).status ==
        (came_back ? 403 : 201));
  CHECK(world.partial_files() == (came_back ? 1 : 0));
}

TEST_CASE("a manifest that does not fit is 403, and its tag stays where it was") {
  RegistryWorld world;
  world.files.settings.route_bytes_max["private"] = 10 * 4096;
  const auto image = world.push_image(kRepository, "latest", 7);
  auto text = world.made_image(kRepository, 7).text();
  text.insert(text.size() - 1, std::string(10 * 4096, ' '));
  check_full(world.put_manifest(kRepository, "latest", text), "private");
  CHECK(world.head(manifest_path(kRepository, "latest"))["Docker-Content-Digest"] == image.digest.text());
}

TEST_CASE("a mount and a blob that is there already need no room") {
  RegistryWorld world;
  world.files.settings.route_bytes_max["private"] = kBound;
  const auto content = content_of(kBound, 8);
  const auto blob = world.push_blob(kRepository, content);
  CHECK(world.store().budget().of("private").taken() == kBound);
  CHECK(world.post(uploads_path("other") + "?mount=" + blob.digest.text() + "&from=team/app").status == 201);
  CHECK(world.head(blob_path("other", blob.digest)).status == 200);
}

TEST_CASE("many pushes at once never pass the bound: those that fit are 201, the others 403") {
  RegistryWorld world;
  world.settings.uploads.growth_bytes = 64 << 10;
  world.files.settings.route_bytes_max["private"] = kBound;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (uint32_t i = 0; i < 12; ++i) {
    const auto content = content_of(200'000, 20 + i);
    clients.push_back(world.connect());
    clients.back()->send(
        request_text("POST", with_digest(uploads_path(kRepository), digest_of(content)), {}, content));
  }
  size_t stored = 0;
  uint64_t taken_max = 0;
  for (const auto& client : clients) {
    run_until(world.loop, [&] {
      taken_max = std::max(taken_max, world.store().budget().of("private").taken());
      return client->received() > 0;
    });
    const auto reply = reply_of(client->receive_reply());
    CHECK((reply.status == 201 || reply.status == 403));
    stored += reply.status == 201;
  }
  CHECK(stored >= 1);
  CHECK(stored <= 5);
  CHECK(taken_max <= kBound);
  CHECK(world.files.bytes_on_disk() <= kBound);
}

TEST_CASE("many pushes that meet a full store with a part of their bodies each: as many as fit are 201") {
  RegistryWorld world;
  constexpr uint32_t kPushes = 12;
  constexpr size_t kPart = 64 << 10;
  world.settings.uploads.growth_bytes = 1;  // no more is reserved than was received
  world.files.settings.route_bytes_max["private"] = kPushes * kPart;
  std::vector<std::unique_ptr<RawClient>> clients;
  std::vector<std::string> rests;
  for (uint32_t i = 0; i < kPushes; ++i) {
    const auto content = content_of(3 * kPart, 40 + i);
    // Of no known length, or it would be judged before it begins.
    const auto head = request_text("POST", with_digest(uploads_path(kRepository), digest_of(content)),
                                   {{"Transfer-Encoding", "chunked"}});
    const auto body = chunked(content, kPart);
    const auto part = chunked(content.substr(0, kPart), kPart).size() - std::string_view("0\r\n\r\n").size();
    clients.push_back(world.connect());
    clients.back()->send(head + body.substr(0, part));
    rests.push_back(body.substr(part));
  }
  run_until(world.loop, [&] { return world.store().budget().of("private").taken() == kPushes * kPart; });
  for (uint32_t i = 0; i < kPushes; ++i) clients[i]->send(rests[i]);
  std::string statuses;
  for (const auto& client : clients) {
    run_until(world.loop, [&] { return client->received() > 0; });
    statuses += reply_of(client->receive_reply()).status == 201 ? "+" : "-";
  }
  CAPTURE(statuses);
  CHECK(std::count(statuses.begin(), statuses.end(), '+') == kPushes / 3);
}

TEST_CASE("a disk that says that it is full is 403 too, and nothing half is left") {
  RegistryWorld world;
  const auto content = content_of(500'000, 9);
  world.start();
  world.files.disk.full_after(100'000);
  CHECK(world.post(with_digest(uploads_path(kRepository), digest_of(content)), content).status == 403);
  world.files.disk.heal();
  CHECK(world.partial_files() == 0);
  CHECK(world.post(with_digest(uploads_path(kRepository), digest_of(content)), content).status == 201);
}

}  // namespace breakwater::test
