#include "store/catalog/catalog_events.h"

#include <rocksdb/write_batch.h>

#include <array>
#include <charconv>
#include <optional>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {
namespace {

constexpr char kEvents[] = "N";
constexpr char kReaderKey[] = "!reader:";  // and the reader's name

// Sixteen digits, so that keys are in the order of the numbers.
std::string event_key(uint64_t number) {
  std::array<char, 17> text{};
  (void)std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
  return kEvents + std::string(text.data());
}

std::optional<uint64_t> number_in(std::string_view text, int base) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number, base);
  return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

}  // namespace

Result<> CatalogEvents::write(const Change& change, Durability durability) {
  rocksdb::WriteBatch batch;
  for (const Row& row : change.put) batch.Put(event_key(row.number), row.value);
  for (uint64_t number = change.delete_from; number <= change.delete_to && change.delete_to > 0; ++number)
    batch.Delete(event_key(number));
  for (const auto& [name, number] : change.readers) batch.Put(kReaderKey + name, std::to_string(number));
  for (const auto& name : change.forgotten) batch.Delete(kReaderKey + name);
  return database_.apply(batch, durability);
}

Result<> CatalogEvents::each_after(uint64_t number, const Each& each) const {
  return database_.scan(kEvents, event_key(number + 1), Reach::disk,
                        [&each](std::string_view key, std::string_view value) -> Result<bool> {
                          const auto of = number_in(key.substr(1), 16);
                          if (!of) return malformed_key();
                          return each(*of, value);
                        });
}

Result<std::map<std::string, uint64_t>> CatalogEvents::readers() const {
  std::map<std::string, uint64_t> readers;
  auto scanned =
      database_.scan(kReaderKey, [&](std::string_view key, std::string_view value) -> Result<bool> {
        const auto number = number_in(value, 10);
        if (!number) return failure(Error::Kind::corrupt, "a malformed reader of events in the catalog");
        readers[std::string(key.substr(std::string_view(kReaderKey).size()))] = *number;
        return true;
      });
  if (!scanned) return failure(scanned.error());
  return readers;
}

}  // namespace breakwater::store
