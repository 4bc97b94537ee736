// Verbs of the command line, run in this process on a folder that nobody serves.
#pragma once

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/operation_verbs.h"
#include "conf/options.h"
#include "routes/oci/manifest.h"
#include "routes/oci/media_type.h"
#include "store/blobs/manifests.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::test {

inline std::string text_of(const std::string& type, const store::Digest& digest, uint64_t size) {
  return R"({"mediaType":")" + type + R"(","digest":")" + digest.text() + R"(","size":)" +
         std::to_string(size) + "}";
}

// How the verb ends, on the folder of `config`.
inline int run(const conf::Config& config, std::initializer_list<std::string> arguments) {
  std::vector<const char*> argv = {"breakwater"};
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  auto options = conf::parse_options(static_cast<int>(argv.size()), argv.data());
  if (const auto* exit = std::get_if<conf::Exit>(&options)) return exit->code;
  return conf::run_operation(config, std::get<conf::Options>(options));
}

// What a verb prints to stdout while this lives.
class Printed {
 public:
  Printed() : before_(std::cout.rdbuf(text_.rdbuf())) {}
  ~Printed() { std::cout.rdbuf(before_); }
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;

  std::string last_line() const {
    std::string text = text_.str();
    if (!text.empty()) text.pop_back();
    return text.substr(text.rfind('\n') + 1);
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::streambuf* before_;
};

// A registry with one image, whose folder the verbs open when the store is closed.
struct VerbWorld : PushedWorld {
  const std::string layer = "layer", config = "{}";
  const std::string image = R"({"schemaVersion":2,"config":)" +
                            text_of("application/vnd.oci.image.config.v1+json", digest_of(config), 2) +
                            R"(,"layers":[)" +
                            text_of("application/vnd.oci.image.layer.v1.tar", digest_of(layer), 5) + "]}";
  conf::Config verbs = conf::default_config();
  std::filesystem::path to = folder.path() / "out", layout = to / app.repository;

  VerbWorld() {
    upload(layer);
    upload(config);
    put(image, routes::kOciManifest, {"1"});
    verbs.data = settings.data;
  }
  void put(const std::string& text, std::string_view type, const std::vector<std::string>& tags) {
    const auto read = routes::read_manifest(text, type, digest_of(text));
    REQUIRE(read);
    for (const std::string& tag : tags) {
      REQUIRE(store->manifests().put(app, digest_of(text), text, read->content, tag,
                                     store::Durability::synced));
    }
  }
  int give() const { return run(verbs, {"export", "--to", to, "--route", "private", "--yes"}); }
  int take() const {
    return run(verbs,
               {"import", "--layout", layout, "--route", "private", "--repository", app.repository, "--yes"});
  }
  // As a layout's only entry.
  void write_index(const std::string& entries) const {
    std::ofstream(layout / "index.json") << R"({"schemaVersion":2,"manifests":[)" << entries << "]}";
  }
};

}  // namespace breakwater::test
