#include "conf/repository_patterns.h"

#include <algorithm>
#include <functional>

#include "routes/mirror/registry_name.h"

namespace breakwater::conf {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-/*";
constexpr size_t kPatternBytesMax = 255;  // of the longest name

bool consists_of(const std::string& text, std::string_view allowed) {
  return !text.empty() && text.size() <= kPatternBytesMax &&
         text.find_first_not_of(allowed) == std::string::npos;
}

// What is wrong with a pattern; "" if nothing is.
using Complaint = std::function<std::string(const std::string& pattern)>;

void read_patterns(JsonObject& object, std::string_view key, std::vector<std::string>& patterns, size_t min,
                   const Complaint& complaint) {
  object.strings(key, patterns, min);
  for (const auto& pattern : patterns) {
    std::string wrong = complaint(pattern);
    if (wrong.empty()) continue;
    wrong.append(", not \"").append(pattern).append("\"");
    object.wrong(key, wrong);
  }
}

std::string complaint_of_name(const std::string& pattern) {
  return consists_of(pattern, kNameCharacters)
             ? ""
             : "expected the characters of repositories' names and *, such as \"ci/*\"";
}

std::string complaint_of_mirror(const std::string& registry, const std::string& pattern) {
  if (const auto wrong = complaint_of_name(pattern); !wrong.empty()) return wrong;
  if (pattern.starts_with(registry + "/"))
    return "expected a name without the registry, such as \"" + pattern.substr(registry.size() + 1) + "\"";
  if (registry == "docker.io" && pattern.find_first_of("/*") == std::string::npos)
    return "expected \"library/" + pattern + "\", the whole name of an official image";
  return "";
}

std::string complaint_of_any(const std::vector<proxy::HostPattern>& registries, const std::string& pattern) {
  static const std::string kCharacters = std::string(kNameCharacters) + ":";
  const std::string registry = pattern.substr(0, pattern.find('/'));
  const bool is_listed = routes::normal_registry(registry) == registry &&
                         std::any_of(registries.begin(), registries.end(), [&](const auto& listed) {
                           return routes::names_registry(listed, registry);
                         });
  const bool may_match = is_listed && registry.size() < pattern.size();
  if (consists_of(pattern, kCharacters) && (may_match || registry.find('*') != std::string::npos)) return "";
  return "expected one of the registries and the characters of repositories' names and *, such as "
         "\"gcr.io/distroless/*\"";
}

void read_rules(JsonObject& object, routes::RepositoryRules& rules, const Complaint& complaint) {
  object.object("repositories", [&](JsonObject& repositories) {
    read_patterns(repositories, "allow", rules.allow, 1, complaint);
    read_patterns(repositories, "deny", rules.deny, 0, complaint);
  });
}

}  // namespace

void read_name_patterns(JsonObject& object, std::string_view key, std::vector<std::string>& patterns,
                        size_t min) {
  read_patterns(object, key, patterns, min, complaint_of_name);
}

void read_name_patterns(JsonObject& object, std::string_view key, const std::string& registry,
                        std::vector<std::string>& patterns, size_t min) {
  read_patterns(object, key, patterns, min,
                [&](const auto& pattern) { return complaint_of_mirror(registry, pattern); });
}

void read_name_patterns(JsonObject& object, std::string_view key,
                        const std::vector<proxy::HostPattern>& registries, std::vector<std::string>& patterns,
                        size_t min) {
  read_patterns(object, key, patterns, min,
                [&](const auto& pattern) { return complaint_of_any(registries, pattern); });
}

void read_repository_rules(JsonObject& mirror, const std::string& registry, routes::RepositoryRules& rules) {
  read_rules(mirror, rules, [&](const auto& pattern) { return complaint_of_mirror(registry, pattern); });
}

void read_repository_rules(JsonObject& any, const std::vector<proxy::HostPattern>& registries,
                           routes::RepositoryRules& rules) {
  read_rules(any, rules, [&](const auto& pattern) { return complaint_of_any(registries, pattern); });
}

}  // namespace breakwater::conf
