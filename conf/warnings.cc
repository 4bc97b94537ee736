#include "conf/warnings.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace breakwater::conf {
namespace {

std::optional<mode_t> mode_of(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return found.st_mode & 07777;
}

// Whether others than the owner and the group may read or write it, and enter all folders above it.
bool is_open_to_all(const std::filesystem::path& file) {
  if ((mode_of(file).value_or(0) & (S_IROTH | S_IWOTH)) == 0) return false;
  std::error_code error;
  auto folder = std::filesystem::canonical(file, error);
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    if ((mode_of(folder).value_or(0) & S_IXOTH) == 0) return false;
  }
  return true;
}

void warn_of_secret(const std::string& where, const std::string& file, std::vector<std::string>& warnings) {
  if (file.empty() || !is_open_to_all(file)) return;
  std::array<char, 8> mode{};
  std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(mode_of(file).value_or(0)));
  warnings.push_back(where + ": every user of this machine may open " + file + ", whose mode is " +
                     mode.data() + ": chmod 0640 " + file);
}

void warn_of_secrets(const std::string& mirror, const std::vector<proxy::RegistryClientSettings>& upstreams,
                     std::vector<std::string>& warnings) {
  for (size_t i = 0; i < upstreams.size(); ++i) {
    // One upstream may have its keys beside its URL.
    const std::string where =
        upstreams.size() == 1 ? mirror : mirror + ".upstream[" + std::to_string(i) + "]";
    warn_of_secret(where + ".password_file", upstreams[i].password_file, warnings);
  }
}

void warn_of_networks(const std::string& where, const routes::Networks& networks,
                      std::vector<std::string>& warnings) {
  const auto& texts = networks.text();
  const auto is_all = [](const std::string& text) { return text == "::/0"; };
  const auto is_ipv4 = [](const std::string& text) { return text.find('.') != std::string::npos; };
  if (std::none_of(texts.begin(), texts.end(), is_all) || std::any_of(texts.begin(), texts.end(), is_ipv4))
    return;
  warnings.push_back(where + ": \"::/0\" lets in nobody who comes by IPv4: name \"0.0.0.0/0\" too");
}

// An address or a network of this machine alone, or its name.
bool is_of_machine(const std::string& text) {
  return text.starts_with("127.") || text == "::1" || text == "::1/128" || text == "localhost";
}

bool has_others(const routes::Networks& networks) {
  return !std::all_of(networks.text().begin(), networks.text().end(), is_of_machine);
}

bool is_of_others(const routes::AccessRule& rule) {
  const bool changes = rule.may.has(routes::Action::push) || rule.may.has(routes::Action::remove);
  return changes && (rule.is_of_anyone || has_others(rule.networks));
}

// Whether somebody on a network may push or delete by his address alone.
bool is_changed_by_others(const RouteConfig& route) {
  const auto is_reached = [](const ListenAddress& address) { return !is_of_machine(address.host()); };
  if (!route.registry || std::none_of(route.listen.begin(), route.listen.end(), is_reached)) return false;
  if (!has_others(route.allow)) return false;
  if (route.access) return std::any_of(route.access->begin(), route.access->end(), is_of_others);
  return has_others(route.registry->allow_push);
}

}  // namespace

std::vector<std::string> unnamed_changes(const Config& config) {
  std::vector<std::string> warnings;
  for (const auto& route : config.routes) {
    if (!is_changed_by_others(route)) continue;
    const std::string key = route.access ? "access" : "allow_push";
    warnings.push_back("route " + route.name + ": anyone on the networks of its \"" + key +
                       "\" may push or delete without a name; name users or groups in \"access\" instead");
  }
  return warnings;
}

std::vector<std::string> warnings(const Config& config) {
  auto warnings = unnamed_changes(config);
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const auto& route = config.routes[i];
    const std::string where = "routes[" + std::to_string(i) + "]";
    warn_of_networks(where + ".allow", route.allow, warnings);
    if (route.registry) warn_of_networks(where + ".allow_push", route.registry->allow_push, warnings);
    if (route.mirror) warn_of_secrets(where + ".mirror", route.mirror->upstreams, warnings);
  }
  for (size_t i = 0; i < config.webhooks.size(); ++i)
    warn_of_secret("webhooks[" + std::to_string(i) + "].secret_file", config.webhooks[i].secret_file,
                   warnings);
  if (config.users) warn_of_secret("users.htpasswd_file", config.users->htpasswd_file, warnings);
  warn_of_networks("metrics.allow", config.metrics.allow, warnings);
  warn_of_networks("admin.allow", config.admin.allow, warnings);
  if (!config.admin.access) warn_of_networks("admin.allow_admin", config.admin.allow_admin, warnings);
  return warnings;
}

}  // namespace breakwater::conf
