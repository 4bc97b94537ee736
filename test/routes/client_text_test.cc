#include "routes/oci/client_text.h"

#include <string>

#include "routes/oci/freshness.h"
#include "test/catch.h"
#include "test/fakes/host_patterns.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using routes::client_text;

// Whether anything of a reply tells where the data folder is.
template <class Answered>
bool tells(const Answered& answered, const std::string& path) {
  bool told = answered.body.find(path) != std::string::npos;
  for (const auto& header : answered.headers) told = told || header.value.find(path) != std::string::npos;
  return told;
}

TEST_CASE("a client reads messages without the paths of this machine") {
  struct Row {
    std::string message, text;
  };
  const auto row = GENERATE(values<Row>({
      {"", ""},
      {"cannot open /data/blobs/x: Input/output error", "cannot open …: Input/output error"},
      {"/data/blobs/x is no regular file", "…"},
      {"cannot open /my data/x: y: Input/output error", "cannot open …: y: Input/output error"},
      {"the folder (/data is another file): wait", "the folder (…: wait"},
      {"IO error: While open a file: \"/data/1.sst\": gone", "IO error: While open a file: \"…: gone"},
      {"CAfile:/etc/ca.pem", "CAfile:…"},
      {"'/data'", "'…"},
      {"a: /x: b: /y", "a: …: b: …"},
      {"library/alpine has no blob sha256:1", "library/alpine has no blob sha256:1"},
      {"GET https://a.example/v2/x: 404", "GET https://a.example/v2/x: 404"},
      {"http://[::1]/v2/: 500", "http://[::1]/v2/: 500"},
      {"http://a:5000/v2/: 500", "http://a:5000/v2/: 500"},
      {"a 1/2 b", "a 1/2 b"},
  }));
  CHECK(client_text(row.message) == row.text);
}

TEST_CASE("the warning about an old answer has no path either") {
  CHECK(routes::stale_warning("cannot read /data/x: gone").find("/data") == std::string::npos);
}

TEST_CASE("whatever the disk fails at, no answer to a push or a pull tells where the data is") {
  const auto operation =
      GENERATE(FaultyDisk::Operation::open, FaultyDisk::Operation::open_for_writing,
               FaultyDisk::Operation::write, FaultyDisk::Operation::read, FaultyDisk::Operation::sync,
               FaultyDisk::Operation::rename, FaultyDisk::Operation::stat);
  const auto kind = GENERATE(Error::Kind::storage, Error::Kind::full, Error::Kind::internal,
                             Error::Kind::invalid, Error::Kind::not_found);
  CAPTURE(static_cast<int>(operation), static_cast<int>(kind));
  RegistryWorld world;
  const auto stored = world.push_blob("app", content_of(100'000, 1));
  const std::string data = world.files.settings.data.string();
  const std::string more = content_of(5'000, 2);
  const std::string manifest = "/v2/app/manifests/v1";
  std::vector<Reply> replies;
  world.files.disk.fail_each(operation, kind);
  replies.push_back(world.get("/v2/app/blobs/" + stored.digest.text()));
  replies.push_back(world.post("/v2/app/blobs/uploads/?digest=" + digest_of(more).text(), more));
  replies.push_back(world.put(manifest, "{}"));
  replies.push_back(world.get(manifest));
  replies.push_back(world.get("/v2/app/tags/list"));
  replies.push_back(world.remove("/v2/app/blobs/" + stored.digest.text()));
  world.files.disk.heal();
  for (const auto& reply : replies) CHECK_FALSE(tells(reply, data));
}

TEST_CASE("a client is not told where a redirect leads to that fails, and the log is") {
  MirrorWorld world;
  FakeRegistry storage(world.loop, "127.0.0.3");
  world.hub_registry_client.allow_private = host_patterns({"127.0.0.3"});
  const auto layer = world.hub.blob("library/alpine", content_of(1000, 1));
  const std::string blob = "/v2/library/alpine/blobs/" + layer.text();
  const auto redirect = Fault::reply(307, {{"Location", storage.url() + "/signed?signature=x"}});
  world.hub.always(blob, redirect);
  const auto answer = world.get(blob);
  CHECK(answer.status >= 400);
  CHECK_FALSE(tells(answer, "127.0.0.3"));
  CHECK(answer.body.find("redirects to") != std::string::npos);
  CHECK(world.files.log.contains("redirect_failed"));
  CHECK(world.files.log.contains(storage.url() + "/signed"));
  CHECK_FALSE(world.files.log.contains("signature"));
}

}  // namespace
}  // namespace breakwater::test
