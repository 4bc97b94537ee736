#include "store/catalog/catalog_history.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {

Result<std::optional<TrafficRecord>> CatalogHistory::traffic(TrafficRing ring, const std::string& route,
                                                             uint64_t slot) const {
  return database_.get<TrafficRecord>(traffic_key(ring, route, slot), Reach::disk);
}

Result<std::vector<TrafficRow>> CatalogHistory::next_traffic(TrafficRing ring, std::string& position,
                                                             size_t limit, const Malformed& malformed) const {
  const std::string prefix = traffic_prefix(ring);
  const auto parse = [&prefix](std::string_view key, std::string_view value) -> Result<TrafficRow> {
    KeyReader in(key, prefix.size());
    TrafficRow row;
    row.route = in.name();
    row.slot = in.number();
    if (in.failed()) return malformed_key();
    auto record = decode<TrafficRecord>(value);
    if (!record) return failure(record.error());
    row.record = *record;
    return row;
  };
  return database_.walk<TrafficRow>(prefix, position, limit, malformed, parse);
}

Result<std::optional<HeavyRecord>> CatalogHistory::heavy(HeavyKind kind, uint64_t slot) const {
  return database_.get<HeavyRecord>(heavy_key(kind, slot), Reach::disk);
}

Result<uint64_t> CatalogHistory::counted() const {
  const auto text = database_.value(kCountedKey);
  if (!text) return failure(text.error());
  uint64_t id = 0;
  if (*text) std::from_chars((*text)->data(), (*text)->data() + (*text)->size(), id);
  return id;
}

Result<std::optional<GenerationsRecord>> CatalogHistory::generations(const RepositoryKey& repository,
                                                                     const std::string& tag) const {
  return database_.get<GenerationsRecord>(generations_key(repository, tag), Reach::disk);
}

Result<std::vector<TagGenerations>> CatalogHistory::next_generations(std::string& position, size_t limit,
                                                                     const Malformed& malformed) const {
  const auto parse = [](std::string_view key, std::string_view value) -> Result<TagGenerations> {
    KeyReader in(key, 1);
    RepositoryKey repository = in.repository();
    std::string tag = in.rest();
    if (in.failed()) return malformed_key();
    auto record = decode<GenerationsRecord>(value);
    if (!record) return failure(record.error());
    return TagGenerations{std::move(repository), std::move(tag), *std::move(record)};
  };
  return database_.walk<TagGenerations>(kGenerations, position, limit, malformed, parse);
}

}  // namespace breakwater::store
