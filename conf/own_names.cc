#include "conf/own_names.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <optional>
#include <sstream>

#include "proxy/http/host_name.h"
#include "proxy/http/url.h"

namespace breakwater::conf {
namespace {

class Names {
 public:
  void add(std::string_view text) {
    auto name = proxy::normal_host_name(text);
    if (name && !has(*name)) list_.push_back(std::move(*name));
  }
  bool has(std::string_view name) const { return std::find(list_.begin(), list_.end(), name) != list_.end(); }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::vector<std::string> list_;
};

// "10.0.0.7 vm.example.lan vm  # our own": the names.
std::vector<std::string> names_of_line(const std::string& line) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::vector<std::string> names;
  std::string word;
  words >> word;  // the address
  while (words >> word) names.push_back(word);
  return names;
}

void add_listeners(Names& names, const std::vector<ListenAddress>& listen) {
  for (const auto& address : listen) {
    if (address.is_name()) names.add(address.host());
  }
}

std::string hosts_file() {
  std::ifstream file("/etc/hosts");
  std::stringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

}  // namespace

std::vector<std::string> own_names(const Config& config, std::string_view machine,
                                   std::string_view hosts_file) {
  Names names;
  names.add(machine);
  const auto own = proxy::normal_host_name(machine);
  std::istringstream lines{std::string(hosts_file)};
  for (std::string line; own && std::getline(lines, line);) {
    const auto of_line = names_of_line(line);
    const auto is_own = [&own](const std::string& name) { return proxy::normal_host_name(name) == own; };
    if (std::none_of(of_line.begin(), of_line.end(), is_own)) continue;
    for (const auto& name : of_line) names.add(name);
  }
  add_listeners(names, config.metrics.listen);
  add_listeners(names, config.admin.listen);
  for (const auto& route : config.routes) {
    add_listeners(names, route.listen);
    if (!route.registry) continue;
    for (const auto& name : route.registry->names) {
      if (const auto parts = proxy::split_port(name)) names.add(parts->host);
    }
  }
  return names.take();
}

std::string machine_name() {
  std::array<char, HOST_NAME_MAX + 1> machine{};
  const bool is_known = ::gethostname(machine.data(), machine.size() - 1) == 0;
  return is_known ? machine.data() : "";
}

std::vector<std::string> own_names(const Config& config) {
  return own_names(config, machine_name(), hosts_file());
}

}  // namespace breakwater::conf
