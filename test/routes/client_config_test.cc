#include "routes/ops/client_config.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

RouteDirectory directory(bool has_any) {
  RouteDirectory all;
  all.host = "breakwater.lan";
  all.routes = {{"dockerhub", RouteDirectory::Kind::mirror, "docker.io", {5000}},
                {"ghcr", RouteDirectory::Kind::mirror, "ghcr.io", {5010}},
                {"private", RouteDirectory::Kind::registry, "", {5050}}};
  if (has_any) all.routes.push_back({"any", RouteDirectory::Kind::any, "", {5060}});
  return all;
}

Result<Json> made(std::string client, std::string host = "", bool has_any = false) {
  Arguments arguments;
  arguments.add("client", std::move(client));
  if (!host.empty()) arguments.add("host", std::move(host));
  return client_config(directory(has_any), arguments);
}

std::string text_of(const Result<Json>& answer, const std::string& path) {
  REQUIRE(answer);
  for (const auto& file : (*answer)["files"]) {
    if (file["path"] == path) return file["text"];
  }
  return "no such file";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("containerd gets one file for all registries, or one for each where no route has them all") {
  CHECK(text_of(made("containerd", "", true), "/etc/containerd/certs.d/_default/hosts.toml") ==
        "[host.\"http://breakwater.lan:5060\"]\n  capabilities = [\"pull\", \"resolve\"]\n");
  const auto each = made("containerd", "10.0.0.7");
  CHECK(text_of(each, "/etc/containerd/certs.d/_default/hosts.toml") == "no such file");
  CHECK(text_of(each, "/etc/containerd/certs.d/docker.io/hosts.toml") ==
        "server = \"https://registry-1.docker.io\"\n\n[host.\"http://10.0.0.7:5000\"]\n"
        "  capabilities = [\"pull\", \"resolve\"]\n");
  CHECK(has(text_of(each, "/etc/containerd/certs.d/10.0.0.7:5050/hosts.toml"), "\"push\""));
}

TEST_CASE("every client's files name the ports of the routes that it can use") {
  const auto daemon = Json::parse(text_of(made("docker"), "/etc/docker/daemon.json"));
  CHECK(daemon["registry-mirrors"] == Json::array({"http://breakwater.lan:5000"}));
  CHECK(daemon["insecure-registries"] ==
        Json::array({"breakwater.lan:5000", "breakwater.lan:5010", "breakwater.lan:5050"}));
  CHECK(has(client_config_words(*made("docker")),
            "docker pull breakwater.lan:5010/NAME:TAG    # for ghcr.io/"));
  for (const char* client : {"containerd", "docker", "buildkit", "podman", "skopeo", "crio", "k3s",
                             "woodpecker", "gitlab", "github"}) {
    CAPTURE(client);
    const auto answer = made(client);
    REQUIRE(answer);
    CHECK(has(client_config_words(*answer), "breakwater.lan:5050"));
  }
  CHECK(has(text_of(made("k3s"), "/etc/rancher/k3s/registries.yaml"),
            "ghcr.io:\n    endpoint: [\"http://breakwater.lan:5010\"]"));
}

TEST_CASE("a build of CI pulls through every mirror, and has its cache here") {
  for (const auto& [client, path] :
       {std::pair("woodpecker", ".woodpecker.yaml"), std::pair("gitlab", ".gitlab-ci.yml"),
        std::pair("github", ".github/workflows/build.yaml")}) {
    CAPTURE(client);
    const auto answer = made(client);
    const auto text = text_of(answer, path), buildkitd = text_of(answer, "buildkitd.toml");
    CHECK(has(text, "--cache-from type=registry,ref=breakwater.lan:5050/cache/app:buildcache .\n"));
    CHECK(has(text, "--cache-to type=registry,ref=breakwater.lan:5050/cache/app:buildcache,mode=max"));
    CHECK(has(text, "--config buildkitd.toml\n"));
    CHECK(has(buildkitd, "[registry.\"docker.io\"]\n  mirrors = [\"breakwater.lan:5000\"]\n"));
    CHECK(has(buildkitd, "[registry.\"ghcr.io\"]\n  mirrors = [\"breakwater.lan:5010\"]\n"));
    for (const char* at : {"5000", "5010", "5050"})
      CHECK(has(buildkitd, "[registry.\"breakwater.lan:" + std::string(at) + "\"]\n  http = true\n"));
  }
}

TEST_CASE("a host that is neither a name nor an address is refused, so that it breaks no file") {
  for (const char* host :
       {"a b", "a\"b", "a\nb", "http://a", "a:5000", "a/b", "[a]", "[10.0.0.7]", "$(id)", "-", "1.2.3"}) {
    CAPTURE(host);
    const auto answer = made("containerd", host);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().kind == Error::Kind::invalid);
  }
  for (const char* host : {"fd00::7", "[fd00::7]"})
    CHECK(has(text_of(made("docker", host), "/etc/docker/daemon.json"), "http://[fd00::7]:5000"));
  CHECK(has(client_config_words(*made("podman", "BreakWater.LAN.")), "\"breakwater.lan:5000\""));
}

TEST_CASE("a client that nobody knows is told which are known") {
  const auto answer = made("npm");
  REQUIRE_FALSE(answer);
  CHECK(has(answer.error().message, "the clients are containerd, docker, buildkit"));
}

}  // namespace
}  // namespace breakwater::routes
