#include "routes/ops/caches.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "routes/oci/date_text.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_history.h"
#include "store/catalog/store_clock.h"
#include "store/history/cache_generations.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using nlohmann::ordered_json;
using store::GenerationsRecord;
using store::NamedTag;
using store::RepositoryKey;
using store::Time;

constexpr size_t kTagsAtOnce = 1000;
constexpr size_t kTagsLookedAtMax = 5000;  // for one answer
constexpr size_t kChurnMax = 20;

// A tag, as `next` names it.
struct Place {
  RepositoryKey repository;
  std::string tag;

  std::string text() const { return repository.route + "/" + repository.repository + ":" + tag; }
  static Result<Place> parse(const std::string& text) {
    const size_t slash = text.find('/'), colon = text.rfind(':');
    if (text.empty()) return Place();
    if (slash == std::string::npos || colon == std::string::npos || colon < slash)
      return failure(Error::Kind::invalid, "expected what an answer gave as next, not \"" + text + "\"");
    return Place{{text.substr(0, slash), text.substr(slash + 1, colon - slash - 1)}, text.substr(colon + 1)};
  }
};

ordered_json date_or_null(Time time) {
  if (time == Time()) return nullptr;
  return date_text(time);
}

ordered_json generation_json(const GenerationsRecord::Generation& one) {
  ordered_json json;
  json["at"] = date_text(one.at);
  json["digest"] = one.digest.text();
  json["bytes"] = one.bytes;
  json["layers"] = one.layers;
  json["new_bytes"] = one.new_bytes;
  json["new_layers"] = one.new_layers;
  json["reused_bytes"] = one.bytes - one.new_bytes;
  json["reused_layers"] = one.layers - one.new_layers;
  return json;
}

ordered_json layer_json(const GenerationsRecord::Layer& layer) {
  ordered_json json;
  json["digest"] = layer.digest.text();
  json["bytes"] = layer.bytes;
  json["position"] = nullptr;
  if (layer.position != GenerationsRecord::Layer::kNoPosition) json["position"] = layer.position;
  json["generations"] = std::popcount(layer.in);
  json["is_in_newest"] = (layer.in & 1) != 0;
  return json;
}

ordered_json churn_json(const std::vector<GenerationsRecord::Layer>& layers) {
  struct Churn {
    uint64_t position = 0;
    uint64_t layers = 0;
    uint64_t bytes = 0;
  };
  std::map<uint64_t, Churn> by_position;
  for (const auto& layer : layers) {
    if (layer.position == GenerationsRecord::Layer::kNoPosition) continue;
    Churn& churn = by_position[layer.position];
    churn.position = layer.position;
    ++churn.layers;
    churn.bytes += layer.bytes;
  }
  std::vector<Churn> most;
  for (const auto& [position, churn] : by_position) {
    if (churn.layers > 1) most.push_back(churn);
  }
  std::stable_sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  ordered_json json = ordered_json::array();
  for (size_t i = 0; i < std::min(most.size(), kChurnMax); ++i)
    json.push_back(
        {{"position", most[i].position}, {"changes", most[i].layers - 1}, {"bytes", most[i].bytes}});
  return json;
}

void add_generations(ordered_json& to, const GenerationsRecord& record, bool in_detail) {
  const bool is_known = !record.generations.empty();
  const auto newest = is_known ? generation_json(record.generations.front()) : ordered_json();
  for (const char* key : {"bytes", "layers"}) to[key] = is_known ? newest[key] : ordered_json();
  to["imported_at"] = date_or_null(record.imported_at);
  to["imports"] = record.imports;
  to["pushes"] = record.pushes;
  for (const char* key : {"new_bytes", "reused_bytes"}) to[key] = is_known ? newest[key] : ordered_json();
  if (!in_detail) return;
  to["generations"] = ordered_json::array();
  for (const auto& one : record.generations) to["generations"].push_back(generation_json(one));
  to["layers_seen"] = ordered_json::array();
  for (const auto& layer : record.layers) to["layers_seen"].push_back(layer_json(layer));
  to["churn"] = churn_json(record.layers);
}

Result<ordered_json> cache_json(store::Store& store, const Place& place, const NamedTag& tag,
                                bool in_detail) {
  const auto record = store.catalog().past().generations(place.repository, tag.tag);
  if (!record && record.error().kind != Error::Kind::corrupt) return failure(record.error());
  const auto age = store.clock().now() - tag.record.pushed();
  ordered_json json;
  json["route"] = place.repository.route;
  json["repository"] = place.repository.repository;
  json["tag"] = tag.tag;
  json["digest"] = tag.record.digest.text();
  json["pushed_at"] = date_text(tag.record.set_at);
  json["age_s"] = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  add_generations(json, record && *record ? **record : GenerationsRecord(), in_detail);
  return json;
}

// Goes over tags, from a place on, until there are enough caches.
class Walk {
 public:
  Walk(store::Store& store, const CachesQuestion& question, Place after)
      : store_(store),
        question_(question),
        limit_(std::clamp<size_t>(question.limit, 1, kCachesMax)),
        at_(std::move(after)) {}

  Result<ordered_json> run() {
    const auto routes = store_.catalog().routes();
    if (!routes) return failure(routes.error());
    for (const std::string& route : *routes) {
      const bool is_asked = question_.route.empty() || question_.route == route;
      if (!is_asked || route < at_.repository.route || store_.rules().is_mirror(route)) continue;
      if (auto walked = walk_route(route); !walked) return failure(walked.error());
      if (is_full_) break;
    }
    ordered_json answer;
    answer["caches"] = std::move(caches_);
    answer["next"] = is_full_ ? ordered_json(at_.text()) : ordered_json();
    return answer;
  }

 private:
  Result<> walk_route(const std::string& route) {
    const bool goes_on = route == at_.repository.route;
    if (!question_.repository.empty()) return walk_repository({route, question_.repository});
    std::string last = goes_on ? at_.repository.repository : std::string();
    if (goes_on) {
      if (auto walked = walk_repository({route, last}); !walked) return walked;
    }
    while (!is_full_) {
      const auto next = store_.catalog().repositories(route, last, 1);
      if (!next) return failure(next.error());
      if (next->empty()) return {};
      last = next->front();
      if (auto walked = walk_repository({route, last}); !walked) return walked;
    }
    return {};
  }

  Result<> walk_repository(const RepositoryKey& repository) {
    if (!question_.sight.sees(repository.route, repository.repository)) return {};
    if (at_.repository != repository) at_ = Place{repository, {}};
    for (size_t named = kTagsAtOnce; named == kTagsAtOnce && !is_full_;) {
      const auto tags = store_.catalog().tags(repository, at_.tag, kTagsAtOnce);
      if (!tags) return failure(tags.error());
      named = tags->size();
      for (const NamedTag& tag : *tags) {
        is_full_ = caches_.size() == limit_ || looked_at_ == kTagsLookedAtMax;
        if (is_full_) return {};
        at_.tag = tag.tag;
        ++looked_at_;
        if (!store_.generations().is_noted(repository, tag.tag)) continue;
        auto json = cache_json(store_, at_, tag, !question_.repository.empty());
        if (!json) return failure(json.error());
        caches_.push_back(*std::move(json));
      }
    }
    return {};
  }

  store::Store& store_;
  const CachesQuestion& question_;
  const size_t limit_;
  Place at_;  // the tag that was looked at last
  ordered_json caches_ = ordered_json::array();
  size_t looked_at_ = 0;
  bool is_full_ = false;  // and there is another tag
};

}  // namespace

Result<ordered_json> caches(store::Store& store, const CachesQuestion& question) {
  auto after = Place::parse(question.after);
  if (!after) return failure(after.error());
  return Walk(store, question, *std::move(after)).run();
}

}  // namespace breakwater::routes
