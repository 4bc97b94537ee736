#include "routes/ops/client_config.h"

#include <functional>
#include <utility>
#include <vector>

namespace breakwater::routes {
namespace {

using Entry = RouteDirectory::Entry;
using Kind = RouteDirectory::Kind;

struct File {
  std::string path, text, note;
};
struct Recipe {
  std::vector<File> files;
  std::vector<std::string> then;  // what makes the client read them
};

// What the files are made of.
struct Sources {
  std::string host;
  std::vector<const Entry*> mirrors;  // that listen
  const Entry* any = nullptr;         // the first that listens, of the two kinds
  const Entry* registry = nullptr;
  std::string at(const Entry& route) const { return host + ":" + std::to_string(route.ports.front()); }
};

Sources sources_of(const RouteDirectory& directory, std::string host) {
  Sources all;
  all.host = std::move(host);
  for (const auto& route : directory.routes) {
    if (route.ports.empty()) continue;
    if (route.kind == Kind::mirror) all.mirrors.push_back(&route);
    if (route.kind == Kind::any && all.any == nullptr) all.any = &route;
    if (route.kind == Kind::registry && all.registry == nullptr) all.registry = &route;
  }
  return all;
}

const Entry* mirror_of(const Sources& sources, std::string_view registry) {
  for (const auto* mirror : sources.mirrors) {
    if (mirror->registry == registry) return mirror;
  }
  return nullptr;
}

std::string server_of(const Entry& mirror) { return default_upstream(mirror.registry).text(); }

std::string hosts_toml(const std::string& at) {
  return "[host.\"http://" + at + "\"]\n  capabilities = [\"pull\", \"resolve\"]\n";
}

Recipe containerd(const Sources& sources) {
  Recipe recipe;
  if (sources.any != nullptr) {
    recipe.files.push_back({"/etc/containerd/certs.d/_default/hosts.toml",
                            hosts_toml(sources.at(*sources.any)),
                            "one file for every registry: containerd says which one it means"});
  } else {
    for (const auto* mirror : sources.mirrors) {
      recipe.files.push_back({"/etc/containerd/certs.d/" + mirror->registry + "/hosts.toml",
                              "server = \"" + server_of(*mirror) + "\"\n\n" + hosts_toml(sources.at(*mirror)),
                              ""});
    }
  }
  if (sources.registry != nullptr) {
    const auto at = sources.at(*sources.registry);
    recipe.files.push_back({"/etc/containerd/certs.d/" + at + "/hosts.toml",
                            "server = \"http://" + at + "\"\n\n[host.\"http://" + at +
                                "\"]\n  capabilities = [\"pull\", \"resolve\", \"push\"]\n",
                            "the registry of your own, by plain HTTP"});
  }
  recipe.files.push_back({"/etc/containerd/config.toml",
                          "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n"
                          "  config_path = \"/etc/containerd/certs.d\"\n",
                          "for Kubernetes, once; from containerd 2.0 on the table is called "
                          "[plugins.\"io.containerd.cri.v1.images\".registry]"});
  recipe.then = {"systemctl restart containerd    # only after config.toml; hosts.toml is read at each pull"};
  return recipe;
}

Recipe docker(const Sources& sources) {
  Json daemon = Json::object();
  Json plain = Json::array();
  if (const auto* hub = mirror_of(sources, "docker.io")) {
    daemon["registry-mirrors"] = {"http://" + sources.at(*hub)};
    plain.push_back(sources.at(*hub));
  }
  if (sources.registry != nullptr) plain.push_back(sources.at(*sources.registry));
  daemon["insecure-registries"] = plain;
  Recipe recipe;
  recipe.files.push_back({"/etc/docker/daemon.json", daemon.dump(2) + "\n",
                          "dockerd mirrors docker.io only; merge this with what is there"});
  recipe.then = {"systemctl restart docker"};
  return recipe;
}

Recipe buildkit(const Sources& sources) {
  std::string text;
  std::vector<std::string> plain;
  for (const auto* mirror : sources.mirrors) {
    text += "[registry.\"" + mirror->registry + "\"]\n  mirrors = [\"" + sources.at(*mirror) + "\"]\n";
    plain.push_back(sources.at(*mirror));
  }
  if (sources.registry != nullptr) plain.push_back(sources.at(*sources.registry));
  for (const auto& at : plain) text += "\n[registry.\"" + at + "\"]\n  http = true\n";
  Recipe recipe;
  recipe.files.push_back({"/etc/buildkit/buildkitd.toml", text, ""});
  if (sources.registry != nullptr) {
    const auto ref = sources.at(*sources.registry) + "/cache/app:buildcache";
    recipe.then = {
        "buildctl build … --export-cache type=registry,ref=" + ref +
            ",mode=max,image-manifest=true,oci-mediatypes=true --import-cache type=registry,ref=" + ref,
        "docker buildx create --use --config /etc/buildkit/buildkitd.toml    # for buildx"};
  }
  return recipe;
}

Recipe podman(const Sources& sources) {
  std::string text;
  for (const auto* mirror : sources.mirrors) {
    text += std::string(text.empty() ? "" : "\n") + "[[registry]]\nlocation = \"" + mirror->registry +
            "\"\n[[registry.mirror]]\nlocation = \"" + sources.at(*mirror) + "\"\ninsecure = true\n";
  }
  if (sources.registry != nullptr)
    text += "\n[[registry]]\nlocation = \"" + sources.at(*sources.registry) + "\"\ninsecure = true\n";
  Recipe recipe;
  recipe.files.push_back({"/etc/containers/registries.conf.d/breakwater.conf", text,
                          "for podman, skopeo, buildah and CRI-O; read at each pull"});
  return recipe;
}

Recipe crio(const Sources& sources) {
  auto recipe = podman(sources);
  recipe.then = {"systemctl reload crio"};
  return recipe;
}

Recipe k3s(const Sources& sources) {
  std::string text = "mirrors:\n";
  for (const auto* mirror : sources.mirrors)
    text += "  " + mirror->registry + ":\n    endpoint: [\"http://" + sources.at(*mirror) + "\"]\n";
  if (sources.registry != nullptr) {
    const auto at = sources.at(*sources.registry);
    text += "  \"" + at + "\":\n    endpoint: [\"http://" + at + "\"]\n";
  }
  Recipe recipe;
  recipe.files.push_back({"/etc/rancher/k3s/registries.yaml", text, "on each node"});
  recipe.then = {"systemctl restart k3s    # k3s-agent on agents"};
  return recipe;
}

// The clients of CI have their build in a container: what they need is a line in it.
Recipe of_ci(const Sources& sources, const std::string& path, const std::string& before) {
  Recipe recipe;
  if (sources.registry == nullptr) return recipe;
  const auto ref = sources.at(*sources.registry) + "/cache/app:buildcache";
  recipe.files.push_back(
      {path,
       before + "docker buildx build --push -t " + sources.at(*sources.registry) +
           "/team/app:1 --cache-to type=registry,ref=" + ref +
           ",mode=max,image-manifest=true,oci-mediatypes=true --cache-from type=registry,ref=" + ref + " .\n",
       "buildx reads the BuildKit configuration too: breakwater client-config buildkit"});
  return recipe;
}

Recipe woodpecker(const Sources& sources) {
  return of_ci(sources, ".woodpecker.yaml",
               "steps:\n  - name: build\n    image: docker:cli\n    commands:\n      - ");
}
Recipe gitlab(const Sources& sources) {
  return of_ci(sources, ".gitlab-ci.yml", "build:\n  image: docker:cli\n  script:\n    - ");
}
Recipe github(const Sources& sources) {
  return of_ci(sources, ".github/workflows/build.yaml", "    steps:\n      - run: ");
}

const std::vector<std::pair<std::string_view, Recipe (*)(const Sources&)>> kClients = {
    {"containerd", containerd}, {"docker", docker}, {"buildkit", buildkit}, {"podman", podman},
    {"skopeo", podman},         {"crio", crio},     {"k3s", k3s},           {"woodpecker", woodpecker},
    {"gitlab", gitlab},         {"github", github},
};

tl::unexpected<Error> unknown_client(const std::string& client) {
  std::string known;
  for (const auto& [name, recipe] : kClients) known += (known.empty() ? "" : ", ") + std::string(name);
  return failure(Error::Kind::invalid, "nothing is known of \"" + client + "\"; the clients are " + known);
}

}  // namespace

Result<Json> client_config(const RouteDirectory& directory, const Arguments& arguments) {
  const auto& client = arguments.word("client");
  const auto& host = arguments.has("host") ? arguments.word("host") : directory.host;
  const auto sources = sources_of(directory, host);
  for (const auto& [name, make] : kClients) {
    if (name != client) continue;
    const auto recipe = make(sources);
    if (recipe.files.empty())
      return failure(Error::Kind::not_found, "no route of the configuration is of use to " + client);
    Json json;
    json["client"] = client;
    json["host"] = host;
    json["files"] = Json::array();
    for (const auto& file : recipe.files) {
      Json one = {{"path", file.path}, {"text", file.text}};
      if (!file.note.empty()) one["note"] = file.note;
      json["files"].push_back(std::move(one));
    }
    json["then"] = recipe.then;
    return json;
  }
  return unknown_client(client);
}

std::string client_config_words(const Json& answer) {
  std::string text;
  for (const auto& file : answer["files"]) {
    text += (text.empty() ? "# " : "\n# ") + file["path"].get<std::string>();
    if (file.contains("note")) text += "    (" + file["note"].get<std::string>() + ")";
    text += "\n" + file["text"].get<std::string>();
  }
  for (const auto& line : answer["then"]) text += "\n" + line.get<std::string>() + "\n";
  return text;
}

}  // namespace breakwater::routes
