// Blobs are pushed in one request, in two, in chunks and as a stream; whatever the way, what is answered 201
// is there and whole.
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using proxy::Headers;
using store::Algorithm;

constexpr const char* kRepository = "team/app";
constexpr const char* kOther = "team/other";

Headers chunk(size_t first, size_t last) {
  return {{"Content-Range", std::to_string(first) + "-" + std::to_string(last)},
          {"Content-Type", "application/octet-stream"}};
}

void check_stored(RegistryWorld& world, const Reply& created, const store::Digest& digest,
                  const std::string& content) {
  CHECK(created.status == 201);
  CHECK(created["Location"] == blob_path(kRepository, digest));
  CHECK(created["Docker-Content-Digest"] == digest.text());
  const auto pulled = world.get(created["Location"]);
  CHECK(pulled.status == 200);
  CHECK((pulled.body == content));
  CHECK(world.head(created["Location"])["Content-Length"] == std::to_string(content.size()));
}

void check_session(const Reply& reply, int status, std::string_view range) {
  CHECK(reply.status == status);
  CHECK(reply["Location"].starts_with("/v2/team/app/blobs/uploads/"));
  CHECK(reply["Range"] == range);
  CHECK(std::string(reply["Location"]).find(reply["Docker-Upload-UUID"]) != std::string::npos);
}

}  // namespace

TEST_CASE("a blob is pushed by a POST and a PUT") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const auto size = GENERATE(size_t{0}, size_t{1}, size_t{300'000});
  RegistryWorld world;
  const auto content = content_of(size, 1);
  const auto digest = store::digest_of(algorithm, content);
  const auto begun = world.post(uploads_path(kRepository));
  check_session(begun, 202, "0-0");
  CHECK_FALSE(begun.has("OCI-Chunk-Min-Length"));
  check_stored(world,
               world.put(with_digest(begun["Location"], digest), content,
                         {{"Content-Type", "application/octet-stream"}}),
               digest, content);
  CHECK(world.partial_files() == 0);
}

TEST_CASE("a blob is pushed by one POST") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const auto size = GENERATE(size_t{0}, size_t{1}, size_t{300'000});
  RegistryWorld world;
  const auto content = content_of(size, 2);
  const auto digest = store::digest_of(algorithm, content);
  check_stored(world, world.post(with_digest(uploads_path(kRepository), digest), content), digest, content);
  CHECK(world.partial_files() == 0);
}

TEST_CASE("a blob is pushed in chunks, the last one by PATCH or with the closing PUT") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const bool last_by_put = GENERATE(false, true);
  RegistryWorld world;
  const auto content = content_of(2500, 3);
  const auto digest = store::digest_of(algorithm, content);
  const std::string query = algorithm == Algorithm::sha512 ? "?digest-algorithm=sha512" : "";
  auto location = world.begin_upload(kRepository, query);
  const auto first = world.patch(location, content.substr(0, 1000), chunk(0, 999));
  check_session(first, 202, "0-999");
  const auto second = world.patch(first["Location"], content.substr(1000, 1000), chunk(1000, 1999));
  check_session(second, 202, "0-1999");
  location = second["Location"];
  if (last_by_put) {
    check_stored(world, world.put(with_digest(location, digest), content.substr(2000), chunk(2000, 2499)),
                 digest, content);
    return;
  }
  const auto third = world.patch(location, content.substr(2000), chunk(2000, 2499));
  check_session(third, 202, "0-2499");
  check_stored(world, world.put(with_digest(third["Location"], digest)), digest, content);
}

TEST_CASE("a blob is pushed as a stream of which nobody tells the length") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const auto size = GENERATE(size_t{0}, size_t{1}, size_t{3'000'000});
  RegistryWorld world;
  world.settings.uploads.growth_bytes = 1 << 20;
  const auto content = content_of(size, 4);
  const auto digest = store::digest_of(algorithm, content);
  const auto streamed = world.patch_streamed(world.begin_upload(kRepository), content);
  check_session(streamed, 202, "0-" + std::to_string(size == 0 ? 0 : size - 1));
  check_stored(world, world.put(with_digest(streamed["Location"], digest)), digest, content);
  CHECK(world.store().budget().of("private").taken() == store::on_disk(size));
}

TEST_CASE("chunks need no Content-Range") {
  RegistryWorld world;
  const auto content = content_of(2000, 5);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content.substr(0, 700)).status == 202);
  CHECK(world.patch_streamed(location, content.substr(700, 600)).status == 202);
  CHECK(world.put(with_digest(location, digest_of(content)), content.substr(1300)).status == 201);
  CHECK(world.get(blob_path(kRepository, digest_of(content))).body == content);
}

TEST_CASE("a session that was begun for one algorithm ends with a digest of the other") {
  const std::string query =
      GENERATE(values<std::string>({"", "?digest-algorithm=sha256", "?digest-algorithm=sha512"}));
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(5000, 6);
  const auto digest = store::digest_of(algorithm, content);
  const auto location = world.begin_upload(kRepository, query);
  CHECK(world.patch(location, content.substr(0, 3000)).status == 202);
  check_stored(world, world.put(with_digest(location, digest), content.substr(3000)), digest, content);
}

TEST_CASE("an algorithm that nobody knows is refused where it is asked for") {
  RegistryWorld world;
  CHECK(world.post(uploads_path(kRepository) + "?digest-algorithm=md5").status == 400);
  CHECK(world.post(uploads_path(kRepository) + "?digest=md5:d41d8cd98f00b204e9800998ecf8427e")
            .says("DIGEST_INVALID"));
  CHECK(world.store().catalog().queues().upload_ids()->empty());
}

TEST_CASE("a session tells where it is") {
  RegistryWorld world;
  const auto location = world.begin_upload(kRepository);
  check_session(world.get(location), 204, "0-0");
  CHECK(world.patch(location, content_of(1000, 7)).status == 202);
  const auto status = world.get(location);
  check_session(status, 204, "0-999");
  CHECK(status["Location"] == location);
  CHECK(status.body.empty());
}

TEST_CASE(
    "a chunk out of order is 416 with where to go on, from PATCH and from PUT alike, and the session lives "
    "on") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(3000, 8);
  const auto digest = store::digest_of(algorithm, content);
  const auto location = world.begin_upload(kRepository);
  const auto check_refused = [&](const Reply& refused, std::string_view range) {
    check_session(refused, 416, range);
    CHECK(refused.says("BLOB_UPLOAD_INVALID"));
    check_session(world.get(refused["Location"]), 204, range);
  };
  check_refused(world.patch(location, content.substr(1000, 1000), chunk(1000, 1999)), "0-0");
  check_refused(world.put(with_digest(location, digest), content.substr(2000), chunk(2000, 2999)), "0-0");
  CHECK(world.patch(location, content.substr(0, 1000), chunk(0, 999)).status == 202);
  check_refused(world.patch(location, content.substr(0, 1000), chunk(0, 999)), "0-999");  // once more
  // overlapping.
  check_refused(world.patch(location, content.substr(500, 1000), chunk(500, 1499)), "0-999");
  check_refused(world.patch(location, content.substr(2000), chunk(2000, 2999)), "0-999");  // skipping
  check_refused(world.put(with_digest(location, digest), content.substr(0, 1000), chunk(0, 999)), "0-999");
  CHECK(world.patch(location, content.substr(1000, 1000), chunk(1000, 1999)).status == 202);
  check_stored(world, world.put(with_digest(location, digest), content.substr(2000), chunk(2000, 2999)),
               digest, content);
}

TEST_CASE("a Content-Range that is none is refused, and the session lives on") {
  const std::string range = GENERATE(values<std::string>({"bytes=0-9", "10", "9-0", "x-y", ""}));
  RegistryWorld world;
  const auto content = content_of(10, 9);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content, {{"Content-Range", range}}).says("BLOB_UPLOAD_INVALID"));
  CHECK(world.put(with_digest(location, digest_of(content)), content, {{"Content-Range", range}}).status ==
        400);
  check_session(world.get(location), 204, "0-0");
  CHECK(world.put(with_digest(location, digest_of(content)), content, {{"Content-Range", "bytes 0-9/10"}})
            .status == 201);
}

TEST_CASE("a body of another length than its Content-Range is SIZE_INVALID, and the session lives on") {
  RegistryWorld world;
  const auto content = content_of(1000, 10);
  const auto digest = digest_of(content);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content, chunk(0, 1999)).says("SIZE_INVALID"));
  CHECK(world.put(with_digest(location, digest), content, chunk(0, 499)).says("SIZE_INVALID"));
  check_session(world.get(location), 204, "0-0");
  CHECK(world.put(with_digest(location, digest), content, chunk(0, 999)).status == 201);
}

TEST_CASE(
    "a stream of another length than its Content-Range is SIZE_INVALID, and the session tells where it is") {
  const auto last = GENERATE(size_t{499}, size_t{1999});
  RegistryWorld world;
  const auto content = content_of(1000, 11);
  const auto location = world.begin_upload(kRepository);
  auto headers = chunk(0, last);
  headers.add("Transfer-Encoding", "chunked");
  const auto refused = world.patch(location, chunked(content), headers);
  CHECK(refused.status == 400);
  CHECK(refused.says("SIZE_INVALID"));
  const auto status = world.get(location);
  CHECK(status.status == 204);
  const auto received = status["Range"] == "0-0" ? 0 : std::stoul(std::string(status["Range"].substr(2))) + 1;
  CHECK(world.put(with_digest(location, digest_of(content)), content.substr(received)).status == 201);
}

TEST_CASE("a digest that does not match is DIGEST_INVALID, the session is gone and nothing is stored") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(3000, 12);
  const auto wrong = store::digest_of(algorithm, content + "oh no");
  const auto check_refused = [&](const Reply& refused) {
    CHECK(refused.status == 400);
    CHECK(refused.says("DIGEST_INVALID"));
    CHECK(world.head(blob_path(kRepository, wrong)).status == 404);
    CHECK(world.head(blob_path(kRepository, store::digest_of(algorithm, content))).status == 404);
    CHECK(world.partial_files() == 0);
    CHECK(world.store().catalog().queues().upload_ids()->empty());
    CHECK(world.store().budget().of("private").taken() == 0);
  };
  check_refused(world.post(with_digest(uploads_path(kRepository), wrong), content));
  auto location = world.begin_upload(kRepository);
  check_refused(world.put(with_digest(location, wrong), content));
  CHECK(world.get(location).says("BLOB_UPLOAD_UNKNOWN"));
  location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content.substr(0, 1000), chunk(0, 999)).status == 202);
  check_refused(world.put(with_digest(location, wrong), content.substr(1000), chunk(1000, 2999)));
  location = world.begin_upload(kRepository);
  CHECK(world.patch_streamed(location, content).status == 202);
  check_refused(world.put(with_digest(location, wrong)));
}

TEST_CASE("a PUT without a digest, or with none that we know, is refused and the session lives on") {
  const std::string query = GENERATE(values<std::string>(
      {"", "?digest=", "?digest=sha256:short", "?digest=md5:d41d8cd98f00b204e9800998ecf8427e"}));
  RegistryWorld world;
  const auto content = content_of(100, 13);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content).status == 202);
  const auto refused = world.put(location + query);
  CHECK(refused.status == 400);
  CHECK(refused.says("DIGEST_INVALID"));
  CHECK(world.put(with_digest(location, digest_of(content))).status == 201);
}

TEST_CASE("an upload is cancelled, and what it took is given back") {
  RegistryWorld world;
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content_of(100'000, 14)).status == 202);
  const auto cancelled = world.remove(location);
  CHECK(cancelled.status == 204);
  CHECK(cancelled.body.empty());
  CHECK(world.get(location).status == 404);
  CHECK(world.partial_files() == 0);
  CHECK(world.store().budget().of("private").taken() == 0);
  CHECK(world.store().catalog().queues().upload_ids()->empty());
}

TEST_CASE("a session that is not there, or not of this repository, is BLOB_UPLOAD_UNKNOWN to every method") {
  RegistryWorld world;
  const auto content = content_of(10, 15);
  const auto foreign = world.begin_upload(kOther);
  const auto id = foreign.substr(foreign.rfind('/') + 1);
  const auto finished = world.begin_upload(kRepository);
  const auto other = content_of(10, 16);
  CHECK(world.put(with_digest(finished, digest_of(content)), content).status == 201);
  for (const auto& target :
       {uploads_path(kRepository) + "0123456789abcdef", uploads_path(kRepository) + id, finished}) {
    CAPTURE(target);
    CHECK(world.get(target).says("BLOB_UPLOAD_UNKNOWN"));
    CHECK(world.patch(target, content).says("BLOB_UPLOAD_UNKNOWN"));
    CHECK(world.put(with_digest(target, digest_of(other)), other).says("BLOB_UPLOAD_UNKNOWN"));
    CHECK(world.remove(target).says("BLOB_UPLOAD_UNKNOWN"));
    CHECK(world.remove(target).status == 404);
  }
  for (const auto& target :
       {uploads_path(kRepository) + "0123456789abcdef", uploads_path(kRepository) + id}) {
    CHECK(world.put(with_digest(target, digest_of(content)), content).says("BLOB_UPLOAD_UNKNOWN"));
  }
  CHECK(world.get(foreign).status == 204);
}

// BuildKit sends the same once more when a proxy answers 502 or 504 in our place, and a 4xx ends its build.
TEST_CASE(
    "the end of an upload that comes a second time is answered as the first, as long as the blob is there") {
  RegistryWorld world;
  const auto content = content_of(70'000, 17);
  const auto location = world.begin_upload(kRepository);
  for (int i = 0; i < 3; ++i)
    CHECK(world.put(with_digest(location, digest_of(content)), content).status == 201);
  CHECK(world.remove(blob_path(kRepository, digest_of(content))).status == 202);
  CHECK(world.put(with_digest(location, digest_of(content)), content).says("BLOB_UPLOAD_UNKNOWN"));
}

TEST_CASE("the end of an upload that comes again is answered once all of it was sent") {
  RegistryWorld world;
  const auto content = content_of(8 << 20, 18);
  const auto location = world.begin_upload(kRepository);
  const auto request = request_text("PUT", with_digest(location, digest_of(content)), {}, content);
  CHECK(world.put(with_digest(location, digest_of(content)), content).status == 201);
  auto again = world.connect();
  again->send(std::string_view(request).substr(0, request.size() / 2));
  again->deliver();
  CHECK(again->received() == 0);
  again->send(std::string_view(request).substr(request.size() / 2));
  CHECK(reply_of(again->receive_reply()).status == 201);
}

TEST_CASE("one blob that many push at once is stored once, and all are answered 201") {
  RegistryWorld world;
  const auto content = content_of(200'000, 16);
  const auto digest = digest_of(content);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(world.connect());
    clients.back()->send(request_text("POST", with_digest(uploads_path(kRepository), digest), {}, content));
  }
  for (const auto& client : clients) CHECK(reply_of(client->receive_reply()).status == 201);
  CHECK(world.get(blob_path(kRepository, digest)).body == content);
  CHECK(world.store().budget().of("private").taken() == store::on_disk(content.size()));
  CHECK(world.partial_files() == 0);
}

}  // namespace breakwater::test
