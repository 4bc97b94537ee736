// Who may do what, which methods mean something where, and that a refusal reaches a client that is still
// sending.
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using routes::Networks;

constexpr const char* kRepository = "team/app";
constexpr const char* kUploadId = "0123456789abcdef0123456789abcdef";
constexpr uint64_t kTwoGiB = 2ULL << 30;

Networks elsewhere() { return *Networks::parse({"192.0.2.0/24"}); }

routes::AccessRule rule_of_anyone(routes::Actions may, std::vector<std::string> repositories) {
  routes::AccessRule rule;
  rule.is_of_anyone = true;
  rule.may = may;
  rule.repositories = std::move(repositories);
  return rule;
}

std::vector<std::pair<std::string, std::string>> writes() {
  const auto digest = digest_of("x").text();
  return {{"POST", uploads_path(kRepository)},
          {"POST", uploads_path(kRepository) + "?digest=" + digest},
          {"POST", uploads_path(kRepository) + "?mount=" + digest},
          {"PATCH", uploads_path(kRepository) + kUploadId},
          {"PUT", uploads_path(kRepository) + kUploadId + "?digest=" + digest},
          {"DELETE", uploads_path(kRepository) + kUploadId},
          {"PUT", manifest_path(kRepository, "latest")},
          {"DELETE", manifest_path(kRepository, "latest")},
          {"DELETE", "/v2/team/app/blobs/" + digest}};
}

constexpr int64_t kSoonMs = 20;  // a client that sends no more is answered

// A client that says it has 2 GiB and sends what the socket takes until it is answered.
Reply send_two_gib(RegistryWorld& world, std::string_view method, std::string_view target,
                   proxy::Headers headers = {}) {
  auto client = world.connect();
  headers.add("Content-Length", std::to_string(kTwoGiB));
  client->send(request_text(method, target, headers));
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 64 && client->received() == 0; ++i) {
    client->send(piece);
    run_some_turns(world.loop);
  }
  auto reply = reply_of(client->receive_reply());
  CHECK_FALSE(client->was_reset());
  CHECK(reply["Connection"] == "close");
  client->leave();
  world.settle();
  CHECK(world.buffered_bytes() == 0);
  return reply;
}

}  // namespace

TEST_CASE("who is not allowed is denied, whatever he asks for, and told only that this is a registry") {
  RegistryWorld world;
  world.access.allow.networks = elsewhere();
  CHECK(world.get("/v2/").status == 200);
  for (const auto& target : {std::string("/v2/_catalog"), manifest_path(kRepository, "latest")}) {
    const auto denied = world.get(target);
    CHECK(denied.status == 403);
    CHECK(denied.says("DENIED"));
  }
  for (const auto& [method, target] : writes()) CHECK(world.ask(method, target, {}, "x").status == 403);
}

TEST_CASE("who may not push can read all the same") {
  RegistryWorld world;
  const auto image = world.push_image(kRepository, "latest", 1);
  const auto location = world.begin_upload(kRepository);
  world.stop();
  world.access.allow_change.networks = elsewhere();
  for (const auto& [method, target] : writes()) {
    CAPTURE(method, target);
    const auto denied = world.ask(method, target, {}, "x");
    CHECK(denied.status == 403);
    CHECK(denied.says("DENIED"));
  }
  CHECK(world.remove(location).status == 403);
  CHECK(world.get(manifest_path(kRepository, "latest")).status == 200);
  CHECK(world.get(manifest_path(kRepository, image.digest.text())).status == 200);
  CHECK(world.get("/v2/team/app/tags/list").status == 200);
}

TEST_CASE("by rules one may pull, push and delete apart, in the repositories that they name") {
  using routes::Action;
  RegistryWorld world;
  const auto image = world.push_image("team/app", "latest", 1);
  (void)world.push_image("other/app", "latest", 2);
  const auto left = world.begin_upload("other/app");
  world.stop();
  world.access.rules = {rule_of_anyone({Action::pull, Action::push}, {"team/*"}),
                        rule_of_anyone({Action::pull}, {"other/app"}),
                        rule_of_anyone({Action::remove}, {"gone/*"})};
  const auto manifest = world.made_image("team/app", 1).text();
  CHECK(world.put_manifest("team/app", "2", manifest).status == 201);
  CHECK(world.get(manifest_path("team/app", "2")).status == 200);
  CHECK(world.remove(manifest_path("team/app", "2")).status == 403);
  CHECK(world.remove(blob_path("team/app", image.digest)).status == 403);

  CHECK(world.get(manifest_path("other/app", "latest")).status == 200);
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"POST", uploads_path("other/app")},
           {"GET", left},
           {"PATCH", left},
           {"PUT", with_digest(left, digest_of("x"))},
           {"DELETE", left},
           {"PUT", manifest_path("other/app", "2")},
           {"GET", manifest_path("third/app", "latest")},
           {"GET", "/v2/third/app/tags/list"},
           {"GET", "/v2/third/app/referrers/" + image.digest.text()},
           {"GET", manifest_path("gone/app", "latest")}}) {
    CAPTURE(method, target);
    const bool has_body = method.starts_with("P");
    const auto denied = world.ask(method, target, {}, has_body ? "x" : "");
    CHECK(denied.status == 403);
    CHECK(denied.says("DENIED"));
  }
  CHECK(world.remove(manifest_path("gone/app", "latest")).status == 404);
  CHECK(world.get("/v2/").status == 200);
}

TEST_CASE("the catalog lists what the caller may pull, and its links name nothing else") {
  RegistryWorld world;
  for (const char* name : {"a", "b", "ci/x", "d", "e", "team/x", "z"}) (void)world.push_image(name, "1", 1);
  world.stop();
  world.access.rules = {rule_of_anyone({routes::Action::push}, {"e"}),
                        rule_of_anyone({routes::Action::pull}, {"ci/*", "d", "e", "team/*"})};
  CHECK(world.get("/v2/_catalog").body == R"({"repositories":["ci/x","d","team/x"]})");
  std::string names, target = "/v2/_catalog?n=1";
  while (!target.empty()) {
    const auto page = world.get(target);
    names += page.body;
    const std::string link(page["Link"]);
    target = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    CHECK(target.find("last=a") == std::string::npos);
    CHECK(target.find("last=e") == std::string::npos);
  }
  CHECK(names == R"({"repositories":["ci/x"]}{"repositories":["d"]}{"repositories":["team/x"]})");
  world.stop();
  world.access.rules = {rule_of_anyone({routes::Action::push}, {"*"})};
  CHECK(world.get("/v2/_catalog").status == 403);
}

TEST_CASE("nothing is mounted from where the caller may not pull: it is uploaded instead") {
  using routes::Action;
  const std::string from = GENERATE(values<std::string>({"team/base", "secret/base", ""}));
  CAPTURE(from);
  RegistryWorld world;
  const auto content = content_of(1000, 7);
  const auto blob = world.push_blob(from.empty() ? "secret/base" : from, content);
  world.stop();
  world.access.rules = {rule_of_anyone({Action::pull, Action::push}, {"team/*"})};
  const auto mounted = world.post(uploads_path("team/app") + "?mount=" + blob.digest.text() +
                                  (from.empty() ? "" : "&from=" + from));
  CHECK(mounted.status == (from == "team/base" ? 201 : 202));
  CHECK(world.head(blob_path("team/app", blob.digest)).status == (from == "team/base" ? 200 : 404));
}

TEST_CASE("a method that means nothing here is 405 and names those that do") {
  RegistryWorld world;
  struct Row {
    std::string method, target, allowed;
  };
  const auto blob = "/v2/team/app/blobs/" + digest_of("x").text();
  const std::vector<Row> rows = {
      {"POST", manifest_path(kRepository, "latest"), "GET, HEAD, PUT, DELETE"},
      {"PATCH", manifest_path(kRepository, "latest"), "GET, HEAD, PUT, DELETE"},
      {"PUT", blob, "GET, HEAD, DELETE"},
      {"POST", blob, "GET, HEAD, DELETE"},
      {"GET", uploads_path(kRepository), "POST"},
      {"PUT", uploads_path(kRepository), "POST"},
      {"DELETE", uploads_path(kRepository), "POST"},
      {"POST", uploads_path(kRepository) + kUploadId, "GET, HEAD, PATCH, PUT, DELETE"},
      {"PUT", "/v2/team/app/tags/list", "GET, HEAD"},
      {"DELETE", "/v2/_catalog", "GET, HEAD"},
      {"POST", "/v2/team/app/referrers/" + digest_of("x").text(), "GET, HEAD"},
      {"PUT", "/v2/", "GET, HEAD"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.method, row.target);
    const auto refused = world.ask(row.method, row.target);
    CHECK(refused.status == 405);
    CHECK(refused.says("UNSUPPORTED"));
    CHECK(refused["Allow"] == row.allowed);
  }
}

TEST_CASE("a path that means nothing is 404, a name that is none is 400") {
  RegistryWorld world;
  CHECK(world.post("/v2/team/app/nothing").status == 404);
  CHECK(world.put("/elsewhere", "x").status == 404);
  CHECK(world.post("/v2/Team/blobs/uploads/").says("NAME_INVALID"));
  CHECK(world.post("/v2/team//app/blobs/uploads/").status == 400);
  CHECK(world.put("/v2/../manifests/latest", "{}").status == 400);
  CHECK(world.post("/v2/" + std::string(256, 'a') + "/blobs/uploads/").status == 400);
}

TEST_CASE("a denied client that sends 2 GiB can read the answer") {
  RegistryWorld world;
  world.server_settings.drop_silence_ms = kSoonMs;
  world.access.allow_change.networks = elsewhere();
  for (const auto& [method, target] : writes()) {
    if (method == "DELETE") continue;
    CAPTURE(method, target);
    const auto denied = send_two_gib(world, method, target);
    CHECK(denied.status == 403);
    CHECK(denied.says("DENIED"));
  }
}

TEST_CASE("a client that sends a manifest of 2 GiB can read that it is too large") {
  RegistryWorld world;
  world.server_settings.drop_silence_ms = kSoonMs;
  CHECK(send_two_gib(world, "PUT", manifest_path(kRepository, "latest"),
                     {{"Content-Type", std::string(routes::kOciManifest)}})
            .status == 413);
}

TEST_CASE(
    "a client that sends 2 GiB to a session that is not there, out of order or to a full store can read so") {
  RegistryWorld world;
  world.server_settings.drop_silence_ms = kSoonMs;
  world.files.settings.route_bytes_max["private"] = 16 << 20;
  const auto unknown = uploads_path(kRepository) + kUploadId;
  CHECK(send_two_gib(world, "PATCH", unknown).says("BLOB_UPLOAD_UNKNOWN"));
  CHECK(send_two_gib(world, "PUT", with_digest(unknown, digest_of("x"))).says("BLOB_UPLOAD_UNKNOWN"));
  const auto location = world.begin_upload(kRepository);
  const auto misplaced =
      send_two_gib(world, "PATCH", location, {{"Content-Range", "5-" + std::to_string(kTwoGiB + 4)}});
  CHECK(misplaced.status == 416);
  CHECK(misplaced["Location"] == location);
  CHECK(send_two_gib(world, "PATCH", location).status == 403);
  CHECK(send_two_gib(world, "POST", with_digest(uploads_path(kRepository), digest_of("x"))).status == 403);
  CHECK(world.get(location).status == 204);
}

TEST_CASE("a client that waits for 100 Continue is refused without sending its body") {
  RegistryWorld world;
  world.access.allow_change.networks = elsewhere();
  auto client = world.connect();
  client->send(request_text("PUT", manifest_path(kRepository, "latest"),
                            {{"Expect", "100-continue"}, {"Content-Length", "1000"}}));
  CHECK(reply_of(client->receive_reply()).status == 403);
}

TEST_CASE("a client that waits for 100 Continue gets it when its upload may come") {
  RegistryWorld world;
  const auto content = content_of(1000, 1);
  const auto location = world.begin_upload(kRepository);
  auto client = world.connect();
  client->send(request_text("PUT", with_digest(location, digest_of(content)),
                            {{"Expect", "100-continue"}, {"Content-Length", "1000"}}));
  CHECK(client->receive_head().starts_with("HTTP/1.1 100 "));
  client->send(content);
  CHECK(reply_of(client->receive_reply()).status == 201);
}

TEST_CASE(
    "after a refusal that left a small body unread, the next request on the connection is answered as it "
    "should be") {
  RegistryWorld world;
  auto client = world.connect();
  const std::string body(100'000, 'x');
  client->send(request_text("PATCH", uploads_path(kRepository) + kUploadId, {}, body) +
               request_text("PUT", uploads_path(kRepository) + kUploadId, {{"Transfer-Encoding", "chunked"}},
                            chunked(body)) +
               request_text("POST", "/v2/_catalog", {}, body) + request_text("GET", "/v2/"));
  CHECK(reply_of(client->receive_reply()).status == 404);
  CHECK(reply_of(client->receive_reply()).status == 400);
  CHECK(reply_of(client->receive_reply()).status == 405);
  CHECK(reply_of(client->receive_reply()).body == "{}");
}

TEST_CASE("every error says which request it answers") {
  RegistryWorld world;
  const auto refused = world.get(manifest_path(kRepository, "none"), {{"X-Request-Id", "abc-123"}});
  CHECK(refused.body.find(R"("trace":"abc-123")") != std::string::npos);
}

}  // namespace breakwater::test
