// Which repositories a mirror serves.
#include "routes/mirror/repository_rules.h"

#include <string>
#include <vector>

#include "routes/oci/media_type.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

using routes::refusal_of;
using routes::RepositoryRules;

std::string type() { return std::string(routes::kOciManifest); }

// An image with one layer, in one repository of an upstream.
struct Image {
  Image(FakeRegistry& registry, const std::string& repository)
      : layer(registry.blob(repository, "the layer")),
        digest(registry.manifest(repository, "1", type(), image_of(layer, 9, {}))) {}
  store::Digest layer, digest;
};

// Every path of a repository that can be read.
std::vector<std::string> targets_of(const std::string& name, const Image& image) {
  const std::string path = "/v2/" + name;
  return {path + "/manifests/1", path + "/manifests/" + image.digest.text(),
          path + "/blobs/" + image.layer.text(), path + "/tags/list",
          path + "/referrers/" + image.digest.text()};
}

std::string message_of(const std::string& rest) {
  return R"({"errors":[{"code":"DENIED","message":"route dockerhub does not serve )" + rest;
}

}  // namespace

TEST_CASE(
    "a repository is served if a pattern allows it and none denies it, and the refusal names the rule") {
  struct Row {
    std::vector<std::string> allow, deny;
    std::string repository, refused_by;  // "" if it is served
  };
  const auto row = GENERATE(values<Row>({
      {{"*"}, {}, "library/alpine", ""},
      {{"library/*"}, {}, "library/alpine", ""},
      {{"library/*"}, {}, "library/a/b", ""},
      {{"library/*"}, {}, "librarian/alpine", "has no pattern"},
      {{"library/*"}, {}, "evil/library/alpine", "has no pattern"},
      {{"library/alpine"}, {}, "library/alpine-evil", "has no pattern"},
      {{"a/*", "b/*"}, {}, "b/c", ""},
      {{"*"}, {"*/crypto*"}, "org/crypto-miner", "\"*/crypto*\" refuses"},
      {{"*"}, {"*/crypto*"}, "org/team/crypto", "\"*/crypto*\" refuses"},
      {{"*"}, {"*/crypto*"}, "crypto/org", ""},
      {{"org/crypto"}, {"x/*", "*/crypto*"}, "org/crypto", "\"*/crypto*\" refuses"},
  }));
  CAPTURE(row.repository);
  const auto refusal = refusal_of(RepositoryRules{row.allow, row.deny}, "hub", row.repository);
  CHECK(refusal.has_value() == !row.refused_by.empty());
  if (!refusal) return;
  CHECK(refusal->starts_with("route hub does not serve " + row.repository + ": "));
  CHECK(refusal->find(row.refused_by) != std::string::npos);
  CHECK(refusal->ends_with("; ask whoever runs this mirror"));
}

TEST_CASE(
    "a refused repository is answered 403 with the rule, for every kind of request, and nobody is asked") {
  MirrorWorld world;
  world.mirror_settings.repositories = {{"library/*", "org/*"}, {"*/crypto*"}};
  const Image outside(world.hub, "evil/tool"), denied(world.hub, "org/crypto");
  for (const auto& target : targets_of("evil/tool", outside)) {
    CAPTURE(target);
    const auto answer = world.get(target);
    CHECK(answer.status == 403);
    CHECK(answer.headers.get("Content-Type") == "application/json");
    CHECK(answer.body.starts_with(
        message_of(R"(evil/tool: \"repositories.allow\" has no pattern that matches; ask whoever)")));
    CHECK(world.head(target).status == 403);
  }
  for (const auto& target : targets_of("org/crypto", denied)) {
    CAPTURE(target);
    const auto answer = world.get(target);
    CHECK(answer.status == 403);
    CHECK(answer.body.starts_with(message_of(
        R"(org/crypto: its rule \"repositories.deny\": \"*/crypto*\" refuses it; ask whoever runs)")));
    CHECK(world.head(target).status == 403);
  }
  CHECK(world.hub.count() == 0);
  CHECK(world.files.log.contains("reason=route dockerhub does not serve org/crypto: its rule"));
  CHECK(world.get("/v2/_catalog").status == 404);
}

TEST_CASE("no spelling of a name goes past the rules, and Docker Hub's official images have one name") {
  MirrorWorld world;
  world.mirror_settings.repositories = {{"*"}, {"*crypto*", "library/alpine"}};
  const Image image(world.hub, "org/crypto");
  for (const char* name : {"org/crypto", "org%2Fcrypto", "org/%63rypto", "org%2fcrypto", "alpine",
                           "library/alpine", "library%2Falpine", "%61lpine"}) {
    CAPTURE(name);
    CHECK(world.get("/v2/" + std::string(name) + "/manifests/1").status == 403);
    CHECK(world.get("/v2/" + std::string(name) + "/blobs/" + image.layer.text()).status == 403);
  }
  for (const char* name : {"org/CRYPTO", "Org/crypto", "org//crypto", "org/crypto%00", "org%252Fcrypto"}) {
    CAPTURE(name);
    CHECK(world.get("/v2/" + std::string(name) + "/manifests/1").status == 400);
  }
  CHECK(world.hub.count() == 0);
}

TEST_CASE("what is held already is refused too from the start with the rule on") {
  MirrorWorld world;
  const Image image(world.hub, "org/crypto");
  for (const auto& target : targets_of("org/crypto", image)) world.get(target);
  world.finish_fills();
  world.stop();
  world.mirror_settings.repositories.deny = {"*/crypto*"};
  const auto asked = world.hub.count();
  for (const auto& target : targets_of("org/crypto", image)) {
    CAPTURE(target);
    CHECK(world.get(target).status == 403);
  }
  CHECK(world.hub.count() == asked);
}

TEST_CASE("a blob that an allowed repository has is served to that one only") {
  MirrorWorld world;
  world.mirror_settings.repositories.deny = {"org/crypto"};
  const Image allowed(world.hub, "org/app"), refused(world.hub, "org/crypto");
  REQUIRE(allowed.layer == refused.layer);
  const auto blob = "/blobs/" + allowed.layer.text();
  CHECK(world.get("/v2/org/app" + blob).body == "the layer");
  world.finish_fills();
  CHECK(world.get("/v2/org/crypto" + blob).status == 403);
}

TEST_CASE("a refused repository is no source of a download that others wait for") {
  MirrorWorld world;
  world.mirror_settings.repositories.deny = {"org/crypto"};
  const auto bytes = content_of(1 << 20, 5);
  const auto layer = world.ghcr.blob("org/app", bytes);
  world.hub.blob("org/crypto", bytes);
  world.ghcr.next(FakeRegistry::blob_path("org/app", layer), Fault::cut(1000));
  const auto target = "/blobs/" + layer.text();
  const auto answers = world.get_at_once({"/v2/org/app" + target + "?ns=ghcr.io", "/v2/org/crypto" + target});
  CHECK(answers[0].body == bytes);
  CHECK(answers[1].status == 403);
  CHECK(world.hub.count() == 0);
}

TEST_CASE("the rules of a registry hold however it is chosen, and those of any registry see its name") {
  MirrorWorld world;
  world.any_registries = {"gcr.io", "lscr.io"};
  world.mirror_settings.repositories = {{"gcr.io/distroless/*", "library/*"}, {"*/crypto*"}};
  const Image here(world.other, "distroless/static"), denied(world.other, "distroless/crypto");
  const Image hub(world.hub, "library/alpine"), evil(world.hub, "evil/tool");
  const auto status = [&](const std::string& name, const std::string& ns) {
    return world.get("/v2/" + name + "/manifests/1?ns=" + ns).status;
  };
  CHECK(status("distroless/static", "gcr.io") == 200);
  CHECK(status("distroless/static", "GCR.io:443") == 200);
  const auto asked = world.other.count();
  CHECK(status("distroless/static", "lscr.io") == 403);
  CHECK(status("distroless/crypto", "gcr.io") == 403);
  CHECK(world.other.count() == asked);
  CHECK(status("alpine", "docker.io") == 200);
  CHECK(status("evil/tool", "index.docker.io") == 403);
  const auto refused = world.get("/v2/evil/tool/manifests/1?ns=docker.io");
  CHECK(refused.headers.get("OCI-Namespace") == "docker.io");
  CHECK(world.hub.count("GET", FakeRegistry::manifest_path("evil/tool", "1")) == 0);
}

TEST_CASE("who may pull what goes by the whole name, however the repository is named and chosen") {
  MirrorWorld world;
  routes::AccessRule rule;
  rule.is_of_anyone = true;
  rule.may = {routes::Action::pull};
  rule.repositories = {"library/alpine", "team/*"};
  world.hub_rules = {rule};
  const Image alpine(world.hub, "library/alpine"), busybox(world.hub, "library/busybox"),
      app(world.hub, "team/app"), elsewhere(world.ghcr, "library/busybox");
  const auto status = [&](const std::string& target) { return world.get("/v2/" + target).status; };
  for (const auto& name : {"alpine", "library/alpine", "team/app"})
    CHECK(status(std::string(name) + "/manifests/1") == 200);
  const auto asked = world.hub.count();
  for (const auto& target : targets_of("busybox", busybox)) CHECK(world.get(target).status == 403);
  CHECK(status("library/busybox/manifests/1") == 403);
  CHECK(status("alpine/other/manifests/1") == 403);
  CHECK(status("busybox/manifests/1?ns=docker.io") == 403);
  CHECK(world.hub.count() == asked);
  CHECK(status("alpine/manifests/1?ns=docker.io") == 200);
  // The rules are those of the route that answers.
  CHECK(status("library/busybox/manifests/1?ns=ghcr.io") == 200);
  const auto denied = world.get("/v2/busybox/manifests/1");
  CHECK(denied.body.find("may not pull from library/busybox by \\\"access\\\" of route dockerhub") !=
        std::string::npos);
}

}  // namespace breakwater::test
