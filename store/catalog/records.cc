#include "store/catalog/records.h"

#include <algorithm>
#include <array>

namespace breakwater::store {
namespace {

constexpr char kVersion = 1;

// Written in the place of fields that only earlier versions used.
constexpr Time kNoMore{};
constexpr uint64_t kNone = 0;

// --- writing

class Encoder {
 public:
  Encoder() { bytes_.push_back(kVersion); }

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
    if (rest_.empty() || rest_[0] != kVersion) {
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

}  // namespace

std::string encode(const TagRecord& record) {
  return Encoder()
      .digest(record.digest)
      .text(record.media_type)
      .time(record.set_at)
      .time(record.checked_at)
      .time(record.sequence)
      .take();
}

std::string encode(const TagHistoryRecord& record) {
  Encoder encoder;
  encoder.number(record.sightings.size());
  for (const auto& sighting : record.sightings) encoder.digest(sighting.digest).time(sighting.first_seen);
  return encoder.take();
}

std::string encode(const ManifestRecord& record) {
  Encoder encoder;
  encoder.text(record.media_type).number(record.size).flag(record.subject.has_value());
  if (record.subject) encoder.digest(*record.subject);
  return encoder.text(record.artifact_type)
      .time(record.pushed_at)
      .time(kNoMore)
      .time(record.kept_until)
      .take();
}

std::string encode(const EdgeRecord& record) {
  return Encoder().text(record.media_type).number(record.size).flag(record.is_manifest).take();
}

std::string encode(const ReferrerRecord& record) {
  return Encoder().text(record.descriptor).text(record.artifact_type).number(record.whole_bytes).take();
}

std::string encode(const LinkRecord&) { return Encoder().time(kNoMore).take(); }

std::string encode(const UploadRecord& record) {
  return Encoder()
      .text(record.route)
      .text(record.repository)
      .number(static_cast<uint64_t>(record.algorithm))
      .number(kNone)
      .time(record.touched_at)
      .flag(record.is_abandoned)
      .take();
}

std::string encode(const BlobRecord& record) {
  return Encoder().number(record.size).text(record.route).time(record.stored_at).time(record.used_at).take();
}

std::string encode(const LeaseRecord& record) {
  return Encoder().time(record.read).time(record.upload).number(record.uploads).time(record.inherited).take();
}

std::string encode(const ClockRecord& record) {
  return Encoder()
      .time(record.at)
      .time(record.machine)
      .text(record.boot)
      .time(record.bound)
      .time(record.wall)
      .take();
}

std::string encode(const ScrubRecord& record) {
  return Encoder().time(record.passed_at).text(record.position).take();
}

// The initialisers below run in the order in which they are written, which is the order of the fields.

template <>
Result<TagRecord> decode<TagRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TagRecord record{in.digest(), in.text(), in.time(), in.time(), in.more() ? in.time() : Time()};
  return checked(in, std::move(record), "tag");
}

template <>
Result<TagHistoryRecord> decode<TagHistoryRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TagHistoryRecord record;
  // A number that is too high ends with the bytes, because each sighting takes some.
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left)
    record.sightings.push_back({in.digest(), in.time()});
  return checked(in, std::move(record), "history");
}

template <>
Result<ManifestRecord> decode<ManifestRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ManifestRecord record;
  record.media_type = in.text();
  record.size = in.number();
  if (in.flag()) record.subject = in.digest();
  record.artifact_type = in.text();
  record.pushed_at = in.time();
  if (in.more()) (void)in.time();
  if (in.more()) record.kept_until = in.time();
  return checked(in, std::move(record), "manifest");
}

template <>
Result<EdgeRecord> decode<EdgeRecord>(std::string_view bytes) {
  Decoder in(bytes);
  EdgeRecord record{in.text(), in.number(), in.more() && in.flag()};
  return checked(in, std::move(record), "edge");
}

template <>
Result<ReferrerRecord> decode<ReferrerRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ReferrerRecord record{in.text(), in.more() ? in.text() : std::string(), in.more() ? in.number() : 0};
  return checked(in, std::move(record), "referrer");
}

template <>
Result<LinkRecord> decode<LinkRecord>(std::string_view bytes) {
  Decoder in(bytes);
  (void)in.time();
  return checked(in, LinkRecord(), "link");
}

template <>
Result<UploadRecord> decode<UploadRecord>(std::string_view bytes) {
  Decoder in(bytes);
  UploadRecord record{in.text(), in.text(), in.algorithm(), {}};
  (void)in.number();
  if (in.more()) record.touched_at = in.time();
  if (in.more()) record.is_abandoned = in.flag();
  return checked(in, std::move(record), "upload");
}

template <>
Result<BlobRecord> decode<BlobRecord>(std::string_view bytes) {
  Decoder in(bytes);
  BlobRecord record{in.number(), in.text(), in.time(), in.more() ? in.time() : Time{}};
  return checked(in, std::move(record), "blob");
}

template <>
Result<LeaseRecord> decode<LeaseRecord>(std::string_view bytes) {
  Decoder in(bytes);
  LeaseRecord record{in.time(), in.time(), in.number(), in.more() ? in.time() : Time{}};
  return checked(in, record, "lease");
}

template <>
Result<ClockRecord> decode<ClockRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ClockRecord record{in.time(), in.time(), in.text(), in.time(), in.time()};
  return checked(in, std::move(record), "clock");
}

template <>
Result<ScrubRecord> decode<ScrubRecord>(std::string_view bytes) {
  Decoder in(bytes);
  ScrubRecord record{in.time(), in.text()};
  return checked(in, std::move(record), "scrub");
}

}  // namespace breakwater::store
