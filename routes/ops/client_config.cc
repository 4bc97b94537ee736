#include "routes/ops/client_config.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/http/host_name.h"
#include "proxy/http/ip_address.h"

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
  std::string url(const Entry& route) const { return (route.is_tls ? "https://" : "http://") + at(route); }
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

// Who is trusted by all machines needs no line.
std::string authority_line(const Entry& route) {
  return route.is_tls
             ? "  # ca = \"/etc/ssl/certs/your-authority.pem\"    # if yours signed its certificate\n"
             : "";
}

std::string hosts_toml(const Sources& sources, const Entry& route) {
  return "[host.\"" + sources.url(route) + "\"]\n  capabilities = [\"pull\", \"resolve\"]\n" +
         authority_line(route);
}

Recipe containerd(const Sources& sources) {
  Recipe recipe;
  if (sources.any != nullptr) {
    recipe.files.push_back({"/etc/containerd/certs.d/_default/hosts.toml", hosts_toml(sources, *sources.any),
                            "one file for every registry: containerd says which one it means"});
  } else {
    for (const auto* mirror : sources.mirrors) {
      recipe.files.push_back({"/etc/containerd/certs.d/" + mirror->registry + "/hosts.toml",
                              "server = \"" + server_of(*mirror) + "\"\n\n" + hosts_toml(sources, *mirror),
                              ""});
    }
  }
  if (sources.registry != nullptr) {
    const auto& registry = *sources.registry;
    const auto url = sources.url(registry);
    recipe.files.push_back(
        {"/etc/containerd/certs.d/" + sources.at(registry) + "/hosts.toml",
         "server = \"" + url + "\"\n\n[host.\"" + url +
             "\"]\n  capabilities = [\"pull\", \"resolve\", \"push\"]\n" + authority_line(registry),
         std::string("the registry of your own, by ") + (registry.is_tls ? "TLS" : "plain HTTP")});
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
  const auto* hub = mirror_of(sources, "docker.io");
  if (hub != nullptr) daemon["registry-mirrors"] = {sources.url(*hub)};
  for (const auto* mirror : sources.mirrors) {
    if (!mirror->is_tls) plain.push_back(sources.at(*mirror));
  }
  if (sources.registry != nullptr && !sources.registry->is_tls)
    plain.push_back(sources.at(*sources.registry));
  if (!plain.empty()) daemon["insecure-registries"] = plain;
  Recipe recipe;
  recipe.files.push_back({"/etc/docker/daemon.json", daemon.dump(2) + "\n",
                          "dockerd mirrors docker.io only; merge this with what is there"});
  recipe.then = {"systemctl restart docker"};
  for (const auto* mirror : sources.mirrors) {
    if (mirror == hub) continue;
    recipe.then.push_back("docker pull " + sources.at(*mirror) + "/NAME:TAG    # for " + mirror->registry +
                          "/NAME:TAG");
  }
  return recipe;
}

std::string buildkitd_toml(const Sources& sources) {
  std::string text;
  std::vector<std::string> plain;
  for (const auto* mirror : sources.mirrors) {
    text += "[registry.\"" + mirror->registry + "\"]\n  mirrors = [\"" + sources.at(*mirror) + "\"]\n";
    if (!mirror->is_tls) plain.push_back(sources.at(*mirror));
  }
  if (sources.registry != nullptr && !sources.registry->is_tls)
    plain.push_back(sources.at(*sources.registry));
  for (const auto& at : plain) text += "\n[registry.\"" + at + "\"]\n  http = true\n";
  return text;
}

Recipe buildkit(const Sources& sources) {
  Recipe recipe;
  recipe.files.push_back({"/etc/buildkit/buildkitd.toml", buildkitd_toml(sources), ""});
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
            "\"\n[[registry.mirror]]\nlocation = \"" + sources.at(*mirror) + "\"\n" +
            (mirror->is_tls ? "" : "insecure = true\n");
  }
  if (sources.registry != nullptr && !sources.registry->is_tls)
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
  if (sources.any != nullptr) text += "  \"*\":\n    endpoint: [\"" + sources.url(*sources.any) + "\"]\n";
  for (const auto* mirror : sources.mirrors)
    text += "  " + mirror->registry + ":\n    endpoint: [\"" + sources.url(*mirror) + "\"]\n";
  if (sources.registry != nullptr) {
    const auto at = sources.at(*sources.registry);
    text += "  \"" + at + "\":\n    endpoint: [\"" + sources.url(*sources.registry) + "\"]\n";
  }
  Recipe recipe;
  recipe.files.push_back({"/etc/rancher/k3s/registries.yaml", text, "on each node"});
  recipe.then = {"systemctl restart k3s    # k3s-agent on agents"};
  return recipe;
}

// The clients of CI build by a BuildKit of their own, which reads its configuration beside the sources. A
// line that goes on begins with `indent`, and each line but the last ends with `more`.
struct CiLines {
  std::string path, before, first, next, more, indent, after, note;
};

Recipe of_ci(const Sources& sources, const CiLines& lines) {
  Recipe recipe;
  if (sources.registry == nullptr) return recipe;
  const auto at = sources.at(*sources.registry);
  const auto ref = at + "/cache/app:buildcache";
  recipe.files.push_back({lines.path,
                          lines.before + lines.first +
                              "docker buildx create --name breakwater --use --config buildkitd.toml\n" +
                              lines.next + "docker buildx build --push -t " + at + "/team/app:1" +
                              lines.more + "\n" + lines.indent + "--cache-to type=registry,ref=" + ref +
                              ",mode=max,image-manifest=true,oci-mediatypes=true" + lines.more + "\n" +
                              lines.indent + "--cache-from type=registry,ref=" + ref + " .\n",
                          lines.note});
  recipe.files.push_back({"buildkitd.toml", buildkitd_toml(sources),
                          "in the repository, beside it: what is pulled comes through the mirrors"});
  return recipe;
}

Recipe woodpecker(const Sources& sources) {
  CiLines lines;
  lines.path = ".woodpecker.yaml";
  lines.before =
      "steps:\n  - name: build\n    image: docker:cli\n"
      "    volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]\n    commands:\n";
  lines.first = lines.next = "      - ";
  lines.indent = "        ";
  lines.note = "the repository must be trusted, for the socket of the agent's Docker";
  return of_ci(sources, lines);
}

Recipe gitlab(const Sources& sources) {
  CiLines lines;
  lines.path = ".gitlab-ci.yml";
  lines.before =
      "build:\n  image: docker:cli\n  services: [\"docker:dind\"]\n"
      "  variables: {DOCKER_HOST: \"tcp://docker:2375\", DOCKER_TLS_CERTDIR: \"\"}\n  script:\n";
  lines.first = lines.next = "    - ";
  lines.indent = "      ";
  lines.note = "the runner must be privileged, for docker:dind";
  return of_ci(sources, lines);
}

Recipe github(const Sources& sources) {
  CiLines lines;
  lines.path = ".github/workflows/build.yaml";
  lines.before =
      "on: push\njobs:\n  build:\n    runs-on: self-hosted\n    steps:\n"
      "      - uses: actions/checkout@v4\n      - run: |\n";
  lines.first = lines.next = "          ";
  lines.more = " \\";
  lines.indent = "            ";
  lines.note = "on a runner of your own: those of GitHub do not reach " + sources.host;
  return of_ci(sources, lines);
}

const std::vector<std::pair<std::string_view, Recipe (*)(const Sources&)>> kClients = {
    {"containerd", containerd}, {"docker", docker}, {"buildkit", buildkit}, {"podman", podman},
    {"skopeo", podman},         {"crio", crio},     {"k3s", k3s},           {"woodpecker", woodpecker},
    {"gitlab", gitlab},         {"github", github},
};

// As it stands in the files, which it must not break out of: a name, or an address.
std::optional<std::string> host_of(std::string host) {
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  const bool is_ipv6 = host.find(':') != std::string::npos;
  if (proxy::IpAddress::parse(host) && (is_ipv6 || !has_brackets)) return proxy::bracketed(host);
  const bool is_option = host.starts_with("-");
  return has_brackets || is_option ? std::nullopt : proxy::normal_host_name(host);
}

tl::unexpected<Error> unknown_client(const std::string& client) {
  std::string known;
  for (const auto& [name, recipe] : kClients) known += (known.empty() ? "" : ", ") + std::string(name);
  return failure(Error::Kind::invalid, "nothing is known of \"" + client + "\"; the clients are " + known);
}

}  // namespace

Result<Json> client_config(const RouteDirectory& directory, const Arguments& arguments) {
  const auto& client = arguments.word("client");
  const auto& named = arguments.has("host") ? arguments.word("host") : directory.host;
  const auto found = host_of(named);
  if (!found)
    return failure(
        Error::Kind::invalid,
        "\"host\" is the name or the address of this machine, without a port, not \"" + named + "\"");
  const auto& host = *found;
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
