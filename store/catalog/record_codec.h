// How a record's value is written and read, field by field: see records.h. For the files of catalog/ that
// write records. Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"

namespace breakwater::store {

inline constexpr char kRecordVersion = 1;

// --- writing

class Encoder {
 public:
  Encoder() { bytes_.push_back(kRecordVersion); }

  Encoder& number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }
  Encoder& text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
    return *this;
  }
  Encoder& flag(bool value) { return number(value ? 1 : 0); }
  Encoder& time(Time value) { return number(static_cast<uint64_t>(value.time_since_epoch().count())); }
  Encoder& digest(const Digest& value) {
    number(static_cast<uint64_t>(value.algorithm()));
    for (const uint8_t byte : value.bytes()) bytes_.push_back(static_cast<char>(byte));
    return *this;
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// --- reading

// Reads the fields in the order in which they were written. The first malformed one makes everything behind
// it malformed too, so that a record is checked once, at its end.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {
    if (rest_.empty() || rest_[0] != kRecordVersion) {
      fail();
    } else {
      rest_.remove_prefix(1);
    }
  }

  bool failed() const { return failed_; }
  // Whether there is another field; an older writer may have ended here.
  bool more() const { return !rest_.empty(); }

  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      const uint64_t bits = byte & 0x7f;
      if (shift == 63 && bits > 1) break;
      value |= bits << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }

  std::string text() {
    const uint64_t size = number();
    if (size > rest_.size()) {
      fail();
      return {};
    }
    std::string value(rest_.substr(0, static_cast<size_t>(size)));
    rest_.remove_prefix(static_cast<size_t>(size));
    return value;
  }

  bool flag() {
    const uint64_t value = number();
    if (value > 1) fail();
    return value == 1;
  }

  Time time() { return Time(std::chrono::milliseconds(static_cast<int64_t>(number()))); }

  Algorithm algorithm() {
    const uint64_t value = number();
    if (value > static_cast<uint64_t>(Algorithm::sha512)) fail();
    return value == 0 ? Algorithm::sha256 : Algorithm::sha512;
  }

  Digest digest() {
    const Algorithm kind = algorithm();
    const size_t size = kind == Algorithm::sha256 ? 32 : 64;
    std::array<uint8_t, 64> bytes{};
    if (rest_.size() < size) {
      fail();
    } else {
      std::copy_n(rest_.begin(), size, bytes.begin());
      rest_.remove_prefix(size);
    }
    return Digest(kind, {bytes.data(), size});
  }

 private:
  void fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest_;
  bool failed_ = false;
};

template <class Record>
Result<Record> checked(const Decoder& decoder, Record record, const char* name) {
  if (decoder.failed())
    return failure(Error::Kind::corrupt, std::string("a malformed ") + name + " record in the catalog");
  return record;
}

}  // namespace breakwater::store
