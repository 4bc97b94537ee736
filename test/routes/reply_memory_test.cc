// What replies hold in memory while their clients do not read.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/registry_world.h"
#include "test/fakes/upstream_lists.h"

namespace breakwater::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of annotations: a manifest that is accepted, and that no socket takes as a whole.
constexpr size_t kLongBytes = 4'000'000;
constexpr size_t kNoWindow = 4096;  // of a client that does not read
constexpr const char* kRepository = "team/app";

Descriptor push_long(RegistryWorld& world, const std::string& note) {
  auto image = world.made_image(kRepository, 1);
  image.note = note + std::string(kLongBytes, 'x');
  const auto text = image.text();
  const auto digest = digest_of(text);
  CHECK(world.put_manifest(kRepository, digest.text(), text).status == 201);
  return Descriptor(image.media_type, digest, text.size());
}

std::unique_ptr<RawClient> ask(RegistryWorld& world, const Descriptor& manifest) {
  auto client = world.connect(kNoWindow);
  client->send(request_text("GET", manifest_path(kRepository, manifest.digest.text())));
  return client;
}

std::string long_image(const std::string& note) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":)"
         R"("application/vnd.oci.image.config.v1+json","digest":"sha256:)" +
         std::string(64, 'a') + R"(","size":2},"layers":[],"annotations":{"a":")" + note +
         std::string(kLongBytes, 'x') + "\"}}";
}

}  // namespace

TEST_CASE("one manifest is in memory once, however many clients do not read it") {
  RegistryWorld world;
  const auto manifest = push_long(world, "");
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(ask(world, manifest));
    clients.back()->receive_head();
  }
  CHECK(world.buffered_bytes() == manifest.size);
  clients.clear();
  run_until(world.loop, [&] { return world.buffered_bytes() == 0; });
}

TEST_CASE("manifests wait for room, short ones and pushes do not") {
  RegistryWorld world;
  world.buffer_bytes_max = 16 * kMiB;  // so that replies have 8 MiB
  std::vector<Descriptor> manifests;
  for (const auto* note : {"a", "b", "c"}) manifests.push_back(push_long(world, note));
  const auto small = world.push_image(kRepository, "small", 2);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (const auto& manifest : manifests) clients.push_back(ask(world, manifest));
  clients[0]->receive_head();
  clients[1]->receive_head();
  CHECK(world.buffered_bytes() == manifests[0].size + manifests[1].size);
  CHECK(clients[2]->received() == 0);
  CHECK(world.get(manifest_path(kRepository, "small")).status == 200);
  world.push_image(kRepository, "pushed", 3);
  clients[0]->leave();
  CHECK(clients[2]->receive_head().find(" 200 ") != std::string::npos);
  CHECK(world.buffered_bytes() == manifests[1].size + manifests[2].size);
}

TEST_CASE("a part of a manifest is not copied for a client who does not read") {
  RegistryWorld world;
  const auto manifest = push_long(world, "");
  auto client = world.connect(kNoWindow);
  client->send(
      request_text("GET", manifest_path(kRepository, manifest.digest.text()), {{"Range", "bytes=1-"}}));
  CHECK(client->receive_head().find(" 206 ") != std::string::npos);
  CHECK(world.buffered_bytes() <= manifest.size + 128 * 1024);
  client.reset();
  const auto part =
      world.get(manifest_path(kRepository, manifest.digest.text()), {{"Range", "bytes=1-1000000"}});
  CHECK(part.status == 206);
  CHECK(part.body.size() == 1'000'000);
}

TEST_CASE("a mirror downloads long manifests and lists when there is room for them") {
  const bool is_list = GENERATE(false, true);
  MirrorWorld world;
  world.buffer_bytes_max = 16 * kMiB;
  world.mirror_settings.kept_list_bytes_max = 0;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (const auto* note : {"a", "b", "c"}) {
    const auto text = long_image(note);
    const auto digest = digest_of(text);
    const std::string path =
        "/v2/library/alpine/" + std::string(is_list ? "referrers/" : "manifests/") + digest.text();
    if (is_list) {
      world.hub.answer(path, Canned(200, {{"Content-Type", std::string(routes::kOciIndex)}},
                                    R"({"manifests":[{"a":")" + std::string(note) +
                                        std::string(kLongBytes, 'x') + "\"}]}"));
    } else {
      world.hub.manifest("library/alpine", "", std::string(routes::kOciManifest), text);
    }
    clients.push_back(world.connect(kNoWindow));
    clients.back()->send(request_text("GET", path));
  }
  const auto answered = [&] {
    return std::count_if(clients.begin(), clients.end(),
                         [](const auto& client) { return client->received() > 0; });
  };
  run_until(world.loop, [&] { return answered() == 2; });
  run_some_turns(world.loop);
  CHECK(answered() == 2);
  CHECK(world.buffered_bytes() <= 8 * kMiB);
  for (auto& client : clients) {
    if (client->received() == 0) continue;
    client->leave();
    break;
  }
  run_until(world.loop, [&] { return answered() == 2; });
}

}  // namespace breakwater::test
