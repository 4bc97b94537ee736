#include "routes/ops/pin_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "routes/oci/date_text.h"
#include "store/catalog/catalog.h"
#include "store/references/pins.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::ImagePattern;

constexpr size_t kCountedMax = 10'000;
constexpr size_t kAtOnce = 1000;

struct Covered {
  size_t tags = 0;
  bool more = false;
};

Result<> count_tags(const store::Catalog& catalog, const store::RepositoryKey& repository,
                    const ImagePattern& what, Covered& covered) {
  if (what.digest) {
    const auto tags = catalog.tags_of(repository, *what.digest);
    if (!tags) return failure(tags.error());
    covered.tags += tags->size();
    return {};
  }
  std::string last;
  for (size_t named = kAtOnce; named == kAtOnce && !covered.more;) {
    const auto tags = catalog.tags(repository, last, kAtOnce);
    if (!tags) return failure(tags.error());
    named = tags->size();
    if (named > 0) last = tags->back().tag;
    covered.tags += static_cast<size_t>(std::count_if(
        tags->begin(), tags->end(), [&](const auto& tag) { return what.matches_tag(tag.tag); }));
    covered.more = covered.tags >= kCountedMax;
  }
  return {};
}

Result<Covered> covered_by(const store::Catalog& catalog, const ImagePattern& what) {
  Covered covered;
  if (what.names_one_repository()) {
    if (auto counted = count_tags(catalog, {what.route, what.repository}, what, covered); !counted)
      return failure(counted.error());
    return covered;
  }
  std::string last;
  for (size_t named = kAtOnce; named == kAtOnce && !covered.more;) {
    const auto names = catalog.repositories(what.route, last, kAtOnce);
    if (!names) return failure(names.error());
    named = names->size();
    for (const std::string& name : *names) {
      last = name;
      const store::RepositoryKey repository{what.route, name};
      if (covered.more || !what.matches(repository)) continue;
      if (auto counted = count_tags(catalog, repository, what, covered); !counted)
        return failure(counted.error());
    }
  }
  return covered;
}

Result<Json> answer(store::Store& store, const ImagePattern& what, bool is_dry_run, bool is_changed,
                    const std::string& words) {
  const auto covered = covered_by(store.catalog(), what);
  if (!covered) return failure(covered.error());
  const std::string now =
      (covered->more ? "more than " : "") + std::to_string(covered->tags) + " tags are covered now";
  return Json{{"what", what.text()},
              {"dry_run", is_dry_run},
              {"changed", is_changed},
              {"covers", {{"tags", covered->tags}, {"more", covered->more}}},
              {"words", words + "; " + now}};
}

bool is_there(const store::Store& store, const ImagePattern& what) {
  const auto list = store.pins().list();
  return std::any_of(list->begin(), list->end(), [&](const store::Pin& pin) { return pin.what == what; });
}

std::string pinned_words(const store::Store& store, const ImagePattern& what) {
  return store.rules().is_mirror(what.route)
             ? what.text() + " and what comes to match it is not evicted"
             : "the tags " + what.text() + " are deleted neither by retention nor for room";
}

}  // namespace

Result<Json> plan_pin(store::Store& store, const ImagePattern& what) {
  const bool is_new = !is_there(store, what);
  return answer(store, what, true, is_new,
                is_new ? "would be pinned: " + pinned_words(store, what) : "it is pinned already");
}

Result<Json> pin(store::Store& store, const ImagePattern& what) {
  const auto pinned = store.references().pin(what);
  if (!pinned) return failure(pinned.error());
  return answer(store, what, false, *pinned,
                *pinned ? "pinned: " + pinned_words(store, what) : "it was pinned already");
}

Result<Json> plan_unpin(store::Store& store, const ImagePattern& what) {
  const bool is_known = is_there(store, what);
  return answer(store, what, true, is_known,
                is_known ? "would be unpinned" : "there is no pin " + what.text());
}

Result<Json> unpin(store::Store& store, const ImagePattern& what) {
  const auto unpinned = store.references().unpin(what);
  if (!unpinned) return failure(unpinned.error());
  return answer(store, what, false, *unpinned, *unpinned ? "unpinned" : "there is no pin " + what.text());
}

// Who does not see everything is shown what is of one repository that he sees.
Result<Json> pins(store::Store& store, const Sight& sight) {
  Json rows = Json::array(), in_the_way = Json::array();
  const auto list = store.pins().list();
  for (const store::Pin& pin : *list) {
    const bool is_of_one = pin.what.names_one_repository();
    if (!sight.is_of_all() && !(is_of_one && sight.sees(pin.what.route, pin.what.repository))) continue;
    Json row = {{"what", pin.what.text()}, {"route", pin.what.route}, {"repository", pin.what.repository}};
    if (!pin.what.tag.empty()) row["tag"] = pin.what.tag;
    if (pin.what.digest) row["digest"] = pin.what.digest->text();
    row["kind"] = store.rules().is_mirror(pin.what.route) ? "mirror" : "registry";
    row["at"] = date_text(pin.pinned_at);
    rows.push_back(std::move(row));
  }
  for (const auto& [route, bytes] : store.pins().in_the_way()) {
    if (!sight.is_of_all()) break;
    in_the_way.push_back({{"route", route},
                          {"pinned_bytes", bytes},
                          {"words", "room was needed in " + route + ", and nothing is left to go but " +
                                        std::to_string(bytes) +
                                        " bytes that are pinned: unpin something, or raise bytes_max"}});
  }
  return Json{
      {"pins_max", store::Pins::kPinsMax}, {"pins", std::move(rows)}, {"in_the_way", std::move(in_the_way)}};
}

}  // namespace breakwater::routes
