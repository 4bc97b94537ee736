// A blob that the registry has is mounted into another repository without moving a byte.
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using store::Algorithm;

constexpr const char* kFrom = "team/base";
constexpr const char* kTo = "team/app";

Reply mount(RegistryWorld& world, const store::Digest& digest, const std::string& from = {}) {
  return world.post(uploads_path(kTo) + "?mount=" + proxy::percent_encode(digest.text()) +
                    (from.empty() ? "" : "&from=" + proxy::percent_encode(from)));
}

// What a mount that is a miss is answered: an upload that the client goes on with.
void check_session(RegistryWorld& world, const Reply& reply, const std::string& content) {
  CHECK(reply.status == 202);
  CHECK(reply["Location"].starts_with(uploads_path(kTo)));
  CHECK(world.put(with_digest(reply["Location"], digest_of(content)), content).status == 201);
}

}  // namespace

TEST_CASE("a blob is mounted from the repository that is named, or from any, and no byte moves") {
  const auto algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const std::string from = GENERATE(values<std::string>({kFrom, ""}));
  CAPTURE(from);
  RegistryWorld world;
  const auto content = content_of(100'000, 1);
  const auto blob = world.push_blob(kFrom, content, kLayerType, algorithm);
  const auto before = world.store().budget().of("private").taken();
  // Of blobs: the catalog has a record more.
  const auto writes = [&world] {
    const auto write = FaultyDisk::Operation::write;
    return world.files.disk.count(write) -
           world.files.disk.count(write, world.files.settings.data / "catalog");
  };
  const auto before_mount = writes();
  const auto mounted = mount(world, blob.digest, from);

  CHECK(mounted.status == 201);
  CHECK(mounted["Location"] == blob_path(kTo, blob.digest));
  CHECK(mounted["Docker-Content-Digest"] == blob.digest.text());
  CHECK((world.get(mounted["Location"]).body == content));
  CHECK(world.store().budget().of("private").taken() == before);
  CHECK(writes() == before_mount);
}

TEST_CASE("a blob that is not where the client says is not mounted: an upload begins instead") {
  RegistryWorld world;
  const auto content = content_of(1000, 2);
  world.push_image(kFrom, "latest", 1);
  check_session(world, mount(world, digest_of(content), kFrom), content);
  const auto elsewhere = content_of(1000, 3);
  world.push_blob("team/other", elsewhere);
  check_session(world, mount(world, digest_of(elsewhere), kFrom), elsewhere);
}

TEST_CASE("a mount of what nobody has, from nowhere or from a name that is none, begins an upload") {
  const std::string from = GENERATE(values<std::string>({"", "nobody", "Not/A*Name"}));
  RegistryWorld world;
  const auto content = content_of(1000, 4);
  check_session(world, mount(world, digest_of(content), from), content);
}

TEST_CASE("a mount of what is no digest is 400") {
  RegistryWorld world;
  CHECK(world.post(uploads_path(kTo) + "?mount=sha256:short&from=team/base").says("DIGEST_INVALID"));
}

TEST_CASE("what only a mirror has is neither told nor mounted, until this repository may serve it") {
  RegistryWorld world;
  world.start();
  const auto content = content_of(100'000, 5);
  const auto digest = digest_of(content);
  CHECK(world.files.put({"dockerhub", "library/alpine"}, content));
  CHECK(world.head(blob_path(kTo, digest)).status == 404);
  CHECK(world.head(blob_path("library/alpine", digest)).status == 404);
  CHECK(mount(world, digest).status == 202);
  CHECK(mount(world, digest, "library/alpine").status == 202);
  CHECK(world.push_blob(kTo, content).digest == digest);
  CHECK((world.get(blob_path(kTo, digest)).body == content));
  CHECK(world.files.files_in("blobs") == 1);
}

TEST_CASE("a blob pushed again is stored once") {
  RegistryWorld world;
  const auto content = content_of(100'000, 6);
  world.push_blob(kTo, content);
  const auto taken = world.store().budget().of("private").taken();
  world.push_blob(kTo, content);
  world.push_blob(kFrom, content);
  CHECK(world.store().budget().of("private").taken() == taken);
  CHECK(world.files.files_in("blobs") == 1);
}

TEST_CASE("a mount outlives a restart") {
  RegistryWorld world;
  const auto blob = world.push_blob(kFrom, content_of(1000, 7));
  CHECK(mount(world, blob.digest, kFrom).status == 201);
  world.crash();
  CHECK(world.get(blob_path(kTo, blob.digest)).status == 200);
}

TEST_CASE("a manifest can be mounted as a blob, or is a miss, but never half") {
  RegistryWorld world;
  const auto image = world.push_image(kFrom, "latest", 8);
  const auto reply = mount(world, image.digest, kFrom);
  CHECK((reply.status == 201 || reply.status == 202));
  CHECK(world.get(blob_path(kTo, image.digest)).status == (reply.status == 201 ? 200 : 404));
}

}  // namespace breakwater::test
