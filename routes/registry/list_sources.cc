#include "routes/registry/list_sources.h"

#include <algorithm>
#include <utility>

#include "routes/oci/referrers_filter.h"
#include "routes/oci/tag_list.h"

namespace breakwater::routes {

using store::Digest;
using store::RepositoryKey;

namespace {

constexpr uint64_t kPageMax = 10'000;  // items on one page or looked at for it, whatever the client asks for
// What is read for one page of referrers, whether or not it is on it: within the 4 MiB that clients accept as
// a manifest, and a bounded time of a worker.
constexpr uint64_t kReferrersBytesMax = 3 << 20;
constexpr size_t kNamesAtOnce = 1'000;
constexpr size_t kReferrersAtOnce = 256;

// One more than the page has is looked at, which tells whether there is a next one.
ListPage::Extent extent_of_names(const OciQuery& query) {
  return {std::min(query.n.value_or(kPageMax), kPageMax), UINT64_MAX, UINT64_MAX};
}

// --- names

class Names : public ListSource {
 public:
  Names(std::string path, const OciQuery& query)
      : path_(std::move(path)), limit_(extent_of_names(query).listed_max) {}

  Result<std::string> whole(const Item&) const override { return std::string(); }
  std::string link_behind(const std::string& key) const override {
    return next_page_link(path_, limit_, key, "");
  }

 protected:
  static Item item_of(std::string name) {
    Item item;
    item.json = json_text_of(name);
    item.key = std::move(name);
    return item;
  }

 private:
  std::string path_;
  uint64_t limit_;
};

class Tags final : public Names {
 public:
  Tags(const store::Catalog& catalog, RepositoryKey key, const OciPath& path)
      : Names("/v2/" + path.name + "/tags/list", path.query), catalog_(catalog), key_(std::move(key)) {}

  Result<Items> behind(const std::string& key) const override {
    auto found = catalog_.tags(key_, key, kNamesAtOnce);
    if (!found) return failure(found.error());
    Items some;
    some.ended = found->size() < kNamesAtOnce;
    some.items.reserve(found->size());
    for (auto& tag : *found) some.items.push_back(item_of(std::move(tag.tag)));
    return some;
  }

 private:
  const store::Catalog& catalog_;
  RepositoryKey key_;
};

class Repositories final : public Names {
 public:
  Repositories(const store::Catalog& catalog, std::string route, const OciPath& path,
               std::function<bool(const std::string&)> is_listed)
      : Names("/v2/_catalog", path.query),
        catalog_(catalog),
        route_(std::move(route)),
        is_listed_(std::move(is_listed)) {}

  bool is_silent() const override { return true; }

  Result<Items> behind(const std::string& key) const override {
    auto found = catalog_.repositories(route_, key, kNamesAtOnce);
    if (!found) return failure(found.error());
    Items some;
    some.ended = found->size() < kNamesAtOnce;
    some.items.reserve(found->size());
    for (auto& name : *found) {
      const bool is_listed = !is_listed_ || is_listed_(name);
      some.items.push_back(item_of(std::move(name)));
      some.items.back().is_listed = is_listed;
    }
    return some;
  }

 private:
  const store::Catalog& catalog_;
  std::string route_;
  std::function<bool(const std::string&)> is_listed_;
};

// --- referrers

class Referrers final : public ListSource {
 public:
  Referrers(const store::Catalog& catalog, RepositoryKey key, const OciPath& path)
      : catalog_(catalog),
        key_(std::move(key)),
        subject_(*path.digest),
        type_(path.query.artifact_type),
        path_("/v2/" + path.name + "/referrers/" + subject_.text()) {}

  Result<Items> behind(const std::string& key) const override {
    const auto last = digest_of(key);
    auto found = catalog_.referrers(key_, subject_, last, kReferrersAtOnce, ListPage::kPieceBytes);
    if (!found) return failure(found.error());
    Items some;
    some.ended = found->empty();
    some.items.reserve(found->size());
    for (auto& referrer : *found) some.items.push_back(item_of(std::move(referrer)));
    return some;
  }
  Result<std::string> whole(const Item& item) const override {
    const auto digest = digest_of(item.key);
    if (!digest) return std::string();
    store::NamedReferrer referrer{*digest, {}};
    referrer.record.whole_bytes = item.long_bytes;
    return catalog_.whole_descriptor(key_, subject_, referrer);
  }
  std::string link_behind(const std::string& key) const override {
    const auto last = digest_of(key);
    return last ? next_referrers_link(path_, *last, type_) : std::string();
  }

 private:
  // The keys are digests as text, whose order is that of the records.
  static std::optional<Digest> digest_of(const std::string& key) {
    auto digest = Digest::parse(key);
    return digest ? std::optional(*digest) : std::nullopt;
  }
  Item item_of(store::NamedReferrer referrer) const {
    auto& record = referrer.record;
    Item item;
    item.key = referrer.digest.text();
    // What is no object was damaged, and would damage the list.
    const bool is_object = record.descriptor.starts_with('{') && record.descriptor.ends_with('}');
    item.is_listed = is_object && (type_.empty() || record.artifact_type == type_);
    item.cost = record.descriptor.size() + (item.is_listed ? record.whole_bytes : 0);
    item.long_bytes = record.whole_bytes;
    if (record.whole_bytes == 0) item.json = std::move(record.descriptor);
    return item;
  }

  const store::Catalog& catalog_;
  RepositoryKey key_;
  Digest subject_;
  std::string type_;
  std::string path_;
};

// What stands around the items of an empty list.
std::shared_ptr<ListPage> page_of(std::unique_ptr<ListSource> source, std::string last,
                                  const ListPage::Extent& extent, const std::string& empty) {
  const size_t at = empty.rfind("[]") + 1;
  return std::make_shared<ListPage>(std::move(source), std::move(last), extent, empty.substr(0, at),
                                    empty.substr(at));
}

}  // namespace

std::shared_ptr<ListPage> tags_page(const store::Catalog& catalog, const std::string& route,
                                    const OciPath& path) {
  auto tags = std::make_unique<Tags>(catalog, RepositoryKey(route, path.name), path);
  return page_of(std::move(tags), path.query.last, extent_of_names(path.query), tag_list_json(path.name, {}));
}

std::shared_ptr<ListPage> repositories_page(const store::Catalog& catalog, const std::string& route,
                                            const OciPath& path,
                                            std::function<bool(const std::string&)> is_listed) {
  auto repositories = std::make_unique<Repositories>(catalog, route, path, std::move(is_listed));
  return page_of(std::move(repositories), path.query.last, extent_of_names(path.query),
                 repository_list_json({}));
}

std::shared_ptr<ListPage> referrers_page(const store::Catalog& catalog, const std::string& route,
                                         const OciPath& path, const std::optional<Digest>& last) {
  auto referrers = std::make_unique<Referrers>(catalog, RepositoryKey(route, path.name), path);
  const ListPage::Extent extent(UINT64_MAX, kPageMax, kReferrersBytesMax);
  return page_of(std::move(referrers), last ? last->text() : std::string(), extent, referrers_index({}));
}

}  // namespace breakwater::routes
