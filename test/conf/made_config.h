// Configurations as tests write them, the mistakes that are told of them, and files of secrets to name in
// them.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "conf/config.h"
#include "test/catch.h"

namespace breakwater::conf {

inline const std::string kRoute = R"("name": "one", "listen": ["127.0.0.1:5000"])";
inline const std::string kMirror = R"("registry": "one.example", "upstream": "https://one.example")";

// A whole configuration of one route, with more in its mirror, in the route, and beside it.
inline std::string config_with(const std::string& in_mirror, const std::string& in_route = "",
                               const std::string& beside = "") {
  return R"({"routes": [{)" + kRoute + R"(, "mirror": {)" + kMirror + in_mirror + "}" + in_route + "}]" +
         beside + "}";
}

// The same of a registry.
inline std::string registry_with(const std::string& in_registry, const std::string& in_route = "",
                                 const std::string& in_whole = "") {
  return R"({"routes": [{)" + kRoute + R"(, "registry": {)" + in_registry + "}" + in_route + "}]" + in_whole +
         "}";
}

inline std::vector<std::string> errors_of(const std::string& json) {
  auto parsed = parse_config(json);
  if (parsed) return {};
  return parsed.error().lines;
}

inline bool has_line(const std::vector<std::string>& lines, const std::string& beginning) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.starts_with(beginning); });
}

// Each of these configurations has one mistake, told in one line that begins so.
inline void check_mistakes(const std::vector<std::pair<std::string, std::string>>& mistakes) {
  for (const auto& [json, beginning] : mistakes) {
    INFO(json);
    const auto lines = errors_of(json);
    CHECK(lines.size() == 1);
    if (lines.size() != 1) continue;
    INFO(lines[0]);
    CHECK(lines[0].starts_with(beginning));
    CHECK(lines[0].find('\n') == std::string::npos);
  }
}

// A file that is gone with its owner.
class SecretFile {
 public:
  explicit SecretFile(const std::string& content) {
    std::string name = (std::filesystem::temp_directory_path() / "breakwater-secret-XXXXXX").string();
    const int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    path_ = name;
    std::ofstream(path_) << content;
    ::close(fd);
  }
  ~SecretFile() { std::filesystem::remove(path_); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace breakwater::conf
