#include "conf/machine_clients.h"

#include <algorithm>
#include <fstream>
#include <system_error>

namespace breakwater::conf {
namespace {

namespace fs = std::filesystem;

constexpr size_t kReadMax = 1 << 20;
constexpr int kFilesMax = 1000;

struct Known {
  const char* name;
  std::vector<const char*> programs;  // one of them is there if the client is
  std::vector<const char*> places;    // files, or folders with all that is in them
};

const std::vector<Known> kKnown = {
    {"containerd", {"usr/bin/containerd", "usr/local/bin/containerd"}, {"etc/containerd/certs.d"}},
    {"docker", {"usr/sbin/dockerd", "usr/bin/dockerd", "usr/local/bin/dockerd"}, {"etc/docker/daemon.json"}},
    {"podman",
     {"usr/bin/podman", "usr/bin/skopeo", "usr/bin/buildah"},
     {"etc/containers/registries.conf", "etc/containers/registries.conf.d"}},
    {"crio", {"usr/bin/crio", "usr/local/bin/crio"}, {"etc/containers/registries.conf.d"}},
    {"buildkit", {"usr/bin/buildkitd", "usr/local/bin/buildkitd"}, {"etc/buildkit/buildkitd.toml"}},
    {"k3s", {"usr/local/bin/k3s", "usr/bin/k3s"}, {"etc/rancher/k3s/registries.yaml"}},
};

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kReadMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

// ":5000", and not the beginning of ":50001".
bool names_port(const std::string& text, uint16_t port) {
  const std::string wanted = ":" + std::to_string(port);
  for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    const size_t end = at + wanted.size();
    if (end == text.size() || text[end] < '0' || text[end] > '9') return true;
  }
  return false;
}

bool leads_here(const fs::path& file, const std::vector<uint16_t>& ports) {
  const auto text = text_of(file);
  return std::any_of(ports.begin(), ports.end(), [&text](uint16_t port) { return names_port(text, port); });
}

// The first file in a place that names one of the ports; "" if none does.
fs::path leading_file(const fs::path& place, const std::vector<uint16_t>& ports) {
  std::error_code error;
  if (fs::is_regular_file(place, error)) return leads_here(place, ports) ? place : fs::path();
  int files = 0;
  for (fs::recursive_directory_iterator entry(place, error), end; !error && entry != end;
       entry.increment(error)) {
    if (++files > kFilesMax) break;
    std::error_code of_entry;
    if (entry->is_regular_file(of_entry) && leads_here(entry->path(), ports)) return entry->path();
  }
  return {};
}

}  // namespace

std::vector<MachineClient> machine_clients(const fs::path& root, const std::vector<uint16_t>& ports) {
  std::vector<MachineClient> clients;
  for (const auto& known : kKnown) {
    const bool is_installed = std::any_of(known.programs.begin(), known.programs.end(),
                                          [&root](const char* program) { return is_there(root / program); });
    if (!is_installed) continue;
    MachineClient client;
    client.name = known.name;
    for (const char* place : known.places) {
      const auto file = leading_file(root / place, ports);
      client.comes_here = !file.empty();
      if (client.comes_here) client.found = "/" + file.lexically_relative(root).string();
      if (client.comes_here) break;
      client.found += (client.found.empty() ? "/" : ", /") + std::string(place);
    }
    clients.push_back(std::move(client));
  }
  return clients;
}

}  // namespace breakwater::conf
