// Any bytes are a record or corrupt; what is read, written and read again is the same. The input's first byte
// chooses the kind of record.
#include "store/catalog/records.h"

#include "store/catalog/history_records.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

template <class Record>
void check(std::string_view bytes) {
  const auto record = breakwater::store::decode<Record>(bytes);
  if (!record) {
    require(record.error().kind == breakwater::Error::Kind::corrupt);
    return;
  }
  const std::string written = encode(*record);
  const auto again = breakwater::store::decode<Record>(written);
  require(again && encode(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace breakwater::store;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 15) {
    case 0: check<TagRecord>(bytes); break;
    case 1: check<ManifestRecord>(bytes); break;
    case 2: check<EdgeRecord>(bytes); break;
    case 3: check<ReferrerRecord>(bytes); break;
    case 4: check<LinkRecord>(bytes); break;
    case 5: check<UploadRecord>(bytes); break;
    case 6: check<BlobRecord>(bytes); break;
    case 7: check<LeaseRecord>(bytes); break;
    case 8: check<ScrubRecord>(bytes); break;
    case 9: check<TagHistoryRecord>(bytes); break;
    case 10: check<TrafficRecord>(bytes); break;
    case 11: check<HeavyRecord>(bytes); break;
    case 12: check<GenerationsRecord>(bytes); break;
    case 13: check<PinRecord>(bytes); break;
    case 14: check<TokenRecord>(bytes); break;
  }
  return 0;
}
