#include "conf/image_lists.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

namespace breakwater::conf {
namespace {

using nlohmann::json;

constexpr std::string_view kFromCluster = "from_cluster";
constexpr std::string_view kImage = "image";

// In the order in which they come, each once.
class Images {
 public:
  void add(const std::string& image) {
    if (!image.empty() && known_.insert(image).second) list_.push_back(image);
  }
  std::vector<std::string> take() { return std::move(list_); }

 private:
  std::set<std::string> known_;
  std::vector<std::string> list_;
};

void add_containers(Images& images, const json& spec, const char* key) {
  const auto found = spec.find(key);
  if (found == spec.end() || !found->is_array()) return;
  for (const auto& container : *found) {
    if (container.is_object() && container.contains("image") && container["image"].is_string())
      images.add(container["image"].get<std::string>());
  }
}

std::string all_of(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

Result<std::vector<std::string>> images_of_pods(const std::string& text) {
  const auto pods = json::parse(text, nullptr, false);
  const bool is_list = pods.is_object() && pods.contains("items") && pods["items"].is_array();
  if (!is_list)
    return failure(
        Error::Kind::invalid,
        "standard input is no list of pods: kubectl get pods -A -o json | breakwater fetch --from-cluster");
  Images images;
  for (const auto& pod : pods["items"]) {
    if (!pod.is_object() || !pod.contains("spec") || !pod["spec"].is_object()) continue;
    for (const char* key : {"initContainers", "containers", "ephemeralContainers"})
      add_containers(images, pod["spec"], key);
  }
  return images.take();
}

std::vector<std::string> images_of_lines(const std::string& text) {
  Images images;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line.erase(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    for (std::string word; words >> word;) images.add(word);
  }
  return images.take();
}

Result<routes::Arguments> with_listed_images(const routes::Operation& operation,
                                             const routes::Arguments& arguments, std::istream& in) {
  if (operation.verb != "fetch") return arguments;
  routes::Arguments made;
  for (const auto& [name, values] : arguments.all()) {
    if (name == kFromCluster) continue;
    for (const auto& value : values) {
      if (name != kImage || value != "-") {
        made.add(name, value);
        continue;
      }
      for (const auto& image : images_of_lines(all_of(in))) made.add(kImage, image);
    }
  }
  if (!arguments.flag(kFromCluster)) return made;
  const auto images = images_of_pods(all_of(in));
  if (!images) return failure(images.error());
  for (const auto& image : *images) made.add(kImage, image);
  return made;
}

}  // namespace breakwater::conf
