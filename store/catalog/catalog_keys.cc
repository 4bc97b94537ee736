#include "store/catalog/catalog_keys.h"

#include <array>
#include <cassert>
#include <cstdint>
#include <utility>

namespace breakwater::store {
namespace {

class Key {
 public:
  explicit Key(char letter) { bytes_.push_back(letter); }

  Key& name(const std::string& value) {
    assert(value.find('\0') == std::string::npos);
    bytes_.append(value);
    bytes_.push_back('\0');
    return *this;
  }
  Key& repository(const RepositoryKey& value) { return name(value.route).name(value.repository); }
  Key& digest(const Digest& value) {
    bytes_.push_back(static_cast<char>(value.algorithm()));
    for (const uint8_t byte : value.bytes()) bytes_.push_back(static_cast<char>(byte));
    return *this;
  }
  Key& time(Time value) {
    return number(static_cast<uint64_t>(std::max<int64_t>(value.time_since_epoch().count(), 0)));
  }
  Key& number(uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<char>(value >> shift));
    return *this;
  }
  Key& raw(const std::string& value) {
    bytes_.append(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace

std::string repository_prefix(const std::string& route) { return Key('m').name(route).take(); }
std::string route_tag_prefix(const std::string& route) { return Key('t').name(route).take(); }
std::string tag_prefix(const RepositoryKey& r) { return Key('t').repository(r).take(); }
std::string tag_key(const RepositoryKey& r, const std::string& tag) {
  return Key('t').repository(r).raw(tag).take();
}
std::string route_history_prefix(const std::string& route) { return Key('h').name(route).take(); }
std::string history_key(const RepositoryKey& r, const std::string& tag) {
  return Key('h').repository(r).raw(tag).take();
}
std::string tag_of_prefix(const RepositoryKey& r, const Digest& d) {
  return Key('T').repository(r).digest(d).take();
}
std::string tag_of_key(const RepositoryKey& r, const Digest& d, const std::string& tag) {
  return Key('T').repository(r).digest(d).raw(tag).take();
}
std::string manifest_prefix(const RepositoryKey& r) { return Key('m').repository(r).take(); }
std::string manifest_key(const RepositoryKey& r, const Digest& d) {
  return Key('m').repository(r).digest(d).take();
}
std::string manifest_of_prefix(const Digest& d) { return Key('M').digest(d).take(); }
std::string manifest_of_key(const Digest& d, const RepositoryKey& r) {
  return Key('M').digest(d).repository(r).take();
}
std::string edge_prefix(const Digest& child) { return Key('e').digest(child).take(); }
std::string edge_prefix(const Digest& child, const RepositoryKey& r) {
  return Key('e').digest(child).repository(r).take();
}
std::string edge_key(const Digest& child, const RepositoryKey& r, const Digest& parent) {
  return Key('e').digest(child).repository(r).digest(parent).take();
}
std::string child_prefix(const RepositoryKey& r, const Digest& parent) {
  return Key('E').repository(r).digest(parent).take();
}
std::string child_key(const RepositoryKey& r, const Digest& parent, const Digest& child) {
  return Key('E').repository(r).digest(parent).digest(child).take();
}
std::string referrers_prefix(const RepositoryKey& r) { return Key('r').repository(r).take(); }
std::string referrer_prefix(const RepositoryKey& r, const Digest& subject) {
  return Key('r').repository(r).digest(subject).take();
}
std::string referrer_key(const RepositoryKey& r, const Digest& subject, const Digest& d) {
  return Key('r').repository(r).digest(subject).digest(d).take();
}
std::string whole_referrer_key(const RepositoryKey& r, const Digest& subject, const Digest& d) {
  return Key('R').repository(r).digest(subject).digest(d).take();
}
std::string link_prefix(const Digest& blob) { return Key('l').digest(blob).take(); }
std::string link_key(const Digest& blob, const RepositoryKey& r) {
  return Key('l').digest(blob).repository(r).take();
}
std::string upload_key(const std::string& id) { return Key('u').raw(id).take(); }
std::string blob_key(const Digest& d) { return Key('b').digest(d).take(); }
std::string use_prefix(const std::string& route) { return Key('o').name(route).take(); }
std::string review_key(Time review_after, const Digest& d) {
  return Key('q').time(review_after).digest(d).take();
}
std::string lease_key(const Digest& d) { return Key('L').digest(d).take(); }
std::string pin_key(const PinKey& pin) {
  return Key('p').name(pin.route).name(pin.repository).name(pin.tag).raw(pin.digest).take();
}
std::string token_key(const Digest& secret) { return Key('k').digest(secret).take(); }
std::string use_key(const Digest& d, const BlobRecord& record) {
  return Key('o').name(record.route).time(record.used_at).digest(d).take();
}
std::string traffic_prefix(TrafficRing ring) {
  return Key('H').raw(std::string(1, static_cast<char>(ring))).take();
}
std::string traffic_prefix(TrafficRing ring, const std::string& route) {
  return Key('H').raw(std::string(1, static_cast<char>(ring))).name(route).take();
}
std::string traffic_key(TrafficRing ring, const std::string& route, uint64_t slot) {
  return Key('H').raw(std::string(1, static_cast<char>(ring))).name(route).number(slot).take();
}
std::string heavy_key(HeavyKind kind, uint64_t slot) {
  return Key('H').raw(std::string(1, static_cast<char>(kind))).number(slot).take();
}
std::string route_generations_prefix(const std::string& route) { return Key('g').name(route).take(); }
std::string generations_key(const RepositoryKey& r, const std::string& tag) {
  return Key('g').repository(r).raw(tag).take();
}

std::string KeyReader::name() {
  const size_t end = rest_.find('\0');
  if (end == std::string_view::npos) return fail();
  std::string value(rest_.substr(0, end));
  rest_.remove_prefix(end + 1);
  return value;
}

RepositoryKey KeyReader::repository() {
  std::string route = name();
  return {std::move(route), name()};
}

Time KeyReader::time() { return Time(Time::duration(static_cast<int64_t>(number()))); }

uint64_t KeyReader::number() {
  uint64_t count = 0;
  for (size_t i = 0; i < std::min<size_t>(8, rest_.size()); ++i)
    count = count << 8 | static_cast<uint8_t>(rest_[i]);
  skip(8);
  return count;
}

Digest KeyReader::digest() {
  const bool is_long = !rest_.empty() && rest_[0] == static_cast<char>(Algorithm::sha512);
  skip(1);
  const size_t size = is_long ? 64 : 32;
  std::array<uint8_t, 64> bytes{};
  std::copy_n(rest_.begin(), std::min(size, rest_.size()), bytes.begin());
  skip(size);
  return Digest(is_long ? Algorithm::sha512 : Algorithm::sha256, {bytes.data(), size});
}

std::string KeyReader::rest() { return std::string(std::exchange(rest_, {})); }

// The end of a name is a 0, and no name holds that.
std::string behind_name(std::string prefix) {
  prefix.back() = '\1';
  return prefix;
}

tl::unexpected<Error> malformed_key() {
  return failure(Error::Kind::corrupt, "a malformed key in the catalog");
}

std::string KeyReader::fail() {
  failed_ = true;
  rest_ = {};
  return {};
}

void KeyReader::skip(size_t size) {
  if (rest_.size() < size) {
    fail();
  } else {
    rest_.remove_prefix(size);
  }
}

}  // namespace breakwater::store
