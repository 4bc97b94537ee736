#include "routes/ops/search.h"

#include <algorithm>
#include <charconv>
#include <compare>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "routes/oci/date_text.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::RepositoryKey;

constexpr size_t kReadTogether = 1000;

// How a word is in a name: the less the better.
constexpr int kWholePart = 0, kBeginsPart = 1, kInside = 2, kOnlyOfRepository = 3;

struct Name {
  RepositoryKey repository;
  std::string tag;  // "" for the repository as a whole
  auto operator<=>(const Name&) const = default;

  std::string text() const {
    return repository.route + "/" + repository.repository + (tag.empty() ? "" : ":" + tag);
  }
};

struct Row {
  int rank = 0;
  Name name;
  std::optional<store::TagRecord> tag;
  auto order() const { return std::tie(rank, name); }
};

// Where an answer begins: it looks at the names behind `names`, and has the rows behind this one.
struct Cursor {
  int rank = -1;
  Name row, names;

  // No name has a comma.
  std::string text() const {
    const auto text_of = [](const Name& name) { return name == Name() ? std::string() : name.text(); };
    return std::to_string(rank) + "," + text_of(row) + "," + text_of(names);
  }
};

std::optional<Name> name_in(std::string_view text) {
  if (text.empty()) return Name();
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()) return std::nullopt;
  size_t colon = text.rfind(':');
  // That of a registry's port, in a repository of an `any` route.
  if (colon != std::string_view::npos && text.find('/', colon) != std::string_view::npos)
    colon = std::string_view::npos;
  if (colon < slash) return std::nullopt;
  Name name;
  name.repository.route = text.substr(0, slash);
  name.repository.repository =
      text.substr(slash + 1, colon == std::string_view::npos ? colon : colon - slash - 1);
  if (colon != std::string_view::npos) name.tag = text.substr(colon + 1);
  return name;
}

std::optional<Cursor> cursor_in(std::string_view text) {
  Cursor cursor;
  if (text.empty()) return cursor;
  const size_t first = text.find(','),
               second = text.find(',', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const char *begin = text.data(), *end = begin + first;
  const auto parsed = std::from_chars(begin, end, cursor.rank);
  const auto row = name_in(text.substr(first + 1, second - first - 1)),
             names = name_in(text.substr(second + 1));
  if (parsed.ec != std::errc() || parsed.ptr != end || !row || !names) return std::nullopt;
  cursor.row = *row;
  cursor.names = *names;
  return cursor;
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool is_between_parts(char c) { return c == '/' || c == ':'; }

// Nothing if it is not in it.
std::optional<int> fit(std::string_view word, std::string_view name) {
  std::optional<int> best;
  for (size_t at = name.find(word); at != std::string_view::npos; at = name.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool begins = at == 0 || is_between_parts(name[at - 1]);
    const bool ends = end == name.size() || is_between_parts(name[end]);
    const int found = !begins ? kInside : ends ? kWholePart : kBeginsPart;
    best = std::min(best.value_or(found), found);
    if (*best == kWholePart) break;
  }
  return best;
}

class Search {
 public:
  Search(const store::Catalog& catalog, std::vector<std::string> words, size_t names_max, const Sight& sight)
      : catalog_(catalog), words_(std::move(words)), names_max_(names_max), sight_(sight) {}

  // Looks at the names behind `begin`, until there are none or enough.
  Result<> look(const Name& begin) {
    const auto routes = catalog_.routes();
    if (!routes) return failure(routes.error());
    for (const std::string& route : *routes) {
      if (route.empty() || route < begin.repository.route) continue;
      const bool is_begin = route == begin.repository.route;
      if (auto looked = look_at_route(route, is_begin ? begin : Name()); !looked) return looked;
      if (is_cut()) return {};
    }
    return {};
  }

  // There are more names behind `last()`, or may be.
  bool is_cut() const { return looked_at_ >= names_max_; }
  const Name& last() const { return last_; }
  size_t looked_at() const { return looked_at_; }
  std::vector<Row>& rows() { return rows_; }

 private:
  Result<> look_at_route(const std::string& route, const Name& begin) {
    if (!begin.repository.repository.empty() && sight_.sees(route, begin.repository.repository)) {
      if (auto looked = look_at_tags(begin.repository, begin.tag); !looked) return looked;
    }
    std::string behind = begin.repository.repository;
    while (!is_cut()) {
      const auto names =
          catalog_.repositories(route, behind, std::min(kReadTogether, names_max_ - looked_at_));
      if (!names) return failure(names.error());
      if (names->empty()) return {};
      for (const std::string& name : *names) {
        if (!sight_.sees(route, name)) continue;
        look_at(Name{{route, name}, ""}, std::nullopt);
        if (is_cut()) return {};
        if (auto looked = look_at_tags({route, name}, ""); !looked) return looked;
        if (is_cut()) return {};
      }
      behind = names->back();
    }
    return {};
  }

  Result<> look_at_tags(const RepositoryKey& repository, std::string behind) {
    while (!is_cut()) {
      const size_t limit = std::min(kReadTogether, names_max_ - looked_at_);
      auto tags = catalog_.tags(repository, behind, limit);
      if (!tags) return failure(tags.error());
      for (store::NamedTag& tag : *tags) look_at(Name{repository, tag.tag}, std::move(tag.record));
      if (tags->size() < limit) return {};
      behind = tags->back().tag;
    }
    return {};
  }

  void look_at(Name name, std::optional<store::TagRecord> tag) {
    ++looked_at_;
    last_ = name;
    const std::string text = lower_case(name.text());
    const auto repository = std::string_view(text).substr(0, text.size() - (tag ? name.tag.size() + 1 : 0));
    int rank = kWholePart;
    bool is_only_of_repository = tag.has_value();
    for (const std::string& word : words_) {
      const auto found = fit(word, text);
      if (!found) return;
      rank = std::max(rank, *found);
      is_only_of_repository = is_only_of_repository && fit(word, repository);
    }
    rows_.push_back({is_only_of_repository ? kOnlyOfRepository : rank, std::move(name), std::move(tag)});
  }

  const store::Catalog& catalog_;
  const std::vector<std::string> words_;
  const size_t names_max_;
  const Sight& sight_;
  size_t looked_at_ = 0;
  Name last_;
  std::vector<Row> rows_;
};

Json json_of(const Row& row) {
  Json json = {{"route", row.name.repository.route}, {"repository", row.name.repository.repository}};
  if (!row.tag) return json;
  json["tag"] = row.name.tag;
  json["digest"] = row.tag->digest.text();
  json["set_at"] = date_text(row.tag->set_at);
  return json;
}

Result<std::vector<std::string>> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(lower_case(text));
  for (std::string word; in >> word;) words.push_back(word);
  if (words.empty()) return failure(Error::Kind::invalid, "there is no word to search for");
  if (words.size() > SearchQuestion::kWordsMax || text.size() > SearchQuestion::kBytesMax)
    return failure(Error::Kind::invalid, "a search has at most " + std::to_string(SearchQuestion::kWordsMax) +
                                             " words, of " + std::to_string(SearchQuestion::kBytesMax) +
                                             " bytes together");
  return words;
}

}  // namespace

Result<Json> search(const store::Store& store, const SearchQuestion& question) {
  auto words = words_of(question.words);
  if (!words) return failure(words.error());
  const auto begin = cursor_in(question.after);
  if (!begin) return failure(Error::Kind::invalid, "\"after\" is the \"next\" of an answer before");
  Search search(store.catalog(), *std::move(words), std::max<size_t>(question.names_max, 1), question.sight);
  if (auto looked = search.look(begin->names); !looked) return failure(looked.error());
  auto& rows = search.rows();
  std::erase_if(rows, [&](const Row& row) {
    return begin->rank >= 0 && row.order() <= std::tie(begin->rank, begin->row);
  });
  const size_t count = std::min(rows.size(), std::clamp<size_t>(question.limit, 1, SearchQuestion::kRowsMax));
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end(),
                    [](const Row& a, const Row& b) { return a.order() < b.order(); });
  Json answer = {{"rows", Json::array()}, {"looked_at", search.looked_at()}};
  for (size_t i = 0; i < count; ++i) answer["rows"].push_back(json_of(rows[i]));
  if (count < rows.size()) {
    answer["next"] = Cursor{rows[count - 1].rank, rows[count - 1].name, begin->names}.text();
  } else if (search.is_cut()) {
    answer["next"] = Cursor{-1, {}, search.last()}.text();
  }
  return answer;
}

}  // namespace breakwater::routes
