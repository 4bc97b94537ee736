#include "routes/transfer/index_json.h"

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "routes/oci/json_bounds.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr size_t kEntryValuesMax = 10'000;
// The parser keeps a string until its end. An escape takes up to six bytes for one of the text.
constexpr size_t kTokenBytesMax = 8 * kEntryBytesMax;

// The bytes of a file, one after the other. Ends early at an error, and at a token that is too long.
class FileBytes {
 public:
  FileBytes(store::Disk& disk, const store::File& file) : disk_(disk), file_(file), piece_(kPieceBytes) {}

  bool ended() {
    if (at_ < filled_) return false;
    if (ended_ || token_bytes_ > kTokenBytesMax) return true;
    const auto got = disk_.read(file_, offset_, piece_);
    if (!got) error_ = got.error();
    filled_ = got ? *got : 0;
    at_ = 0;
    offset_ += filled_;
    token_bytes_ += filled_;
    ended_ = filled_ == 0;
    return ended_;
  }
  char now() const { return piece_[at_]; }
  void next() { ++at_; }
  void begin_token() { token_bytes_ = 0; }
  const std::optional<Error>& error() const { return error_; }

 private:
  store::Disk& disk_;
  const store::File& file_;
  std::vector<char> piece_;
  size_t at_ = 0, filled_ = 0;
  uint64_t offset_ = 0;
  size_t token_bytes_ = 0;
  bool ended_ = false;
  std::optional<Error> error_;
};

// The parser reads by this; null is the end.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit ByteIterator(FileBytes* bytes) : bytes_(bytes) {}
  char operator*() const { return bytes_->now(); }
  ByteIterator& operator++() {
    bytes_->next();
    return *this;
  }
  ByteIterator operator++(int) {
    ByteIterator before = *this;
    bytes_->next();
    return before;
  }
  bool operator==(const ByteIterator& other) const { return is_end() == other.is_end(); }
  bool operator!=(const ByteIterator& other) const { return !(*this == other); }

 private:
  bool is_end() const { return bytes_ == nullptr || bytes_->ended(); }
  FileBytes* bytes_;
};

// Told of each token. Builds one entry at a time, and nothing of what is not an entry.
class Entries {
 public:
  Entries(FileBytes& bytes, const EachEntry& each) : bytes_(bytes), each_(each) {}

  // Not: what the parser found wrong.
  const Result<>& result() const { return result_; }
  bool has_list() const { return has_list_; }

  bool null() { return value(nullptr, 0); }
  bool boolean(bool is) { return value(is, 0); }
  bool number_integer(json::number_integer_t number) { return value(number, 0); }
  bool number_unsigned(json::number_unsigned_t number) { return value(number, 0); }
  bool number_float(json::number_float_t number, const std::string&) { return value(number, 0); }
  bool string(std::string& text) {
    const size_t bytes = text.size();
    return value(std::move(text), bytes);
  }
  bool binary(json::binary_t&) { return false; }
  bool key(std::string& text) {
    bytes_.begin_token();
    if (depth_ == 1) is_list_next_ = text == "manifests";
    if (!open_.empty()) count(text.size());
    key_ = std::move(text);
    return true;
  }
  bool start_object(size_t) { return start(json::object()); }
  bool end_object() { return end(); }
  bool start_array(size_t) {
    if (depth_ == 0) return false;
    if (depth_ == 1 && is_list_next_) {
      if (std::exchange(has_list_, true)) return false;
      is_in_list_ = true;
      ++depth_;
      return true;
    }
    return start(json::array());
  }
  bool end_array() {
    if (depth_ != 2 || !is_in_list_) return end();
    is_in_list_ = false;
    --depth_;
    return true;
  }
  template <class Exception>
  bool parse_error(size_t, const std::string&, const Exception&) {
    return false;
  }

 private:
  bool is_entry_next() const { return is_in_list_ && depth_ == 2; }

  void count(size_t bytes) {
    entry_bytes_ += bytes;
    is_too_large_ = is_too_large_ || ++entry_values_ > kEntryValuesMax || entry_bytes_ > kEntryBytesMax ||
                    open_.size() > kJsonDepthMax;
  }

  // Puts a value where it belongs, and returns it; null if it is no part of an entry, or of one too large.
  json* add(json one, size_t bytes) {
    if (is_entry_next()) {
      entry_ = json();
      is_too_large_ = false;
      entry_bytes_ = entry_values_ = 0;
    } else if (open_.empty()) {
      return nullptr;
    }
    count(bytes);
    if (is_too_large_) return nullptr;
    if (open_.empty()) {
      entry_ = std::move(one);
      return &entry_;
    }
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(one));
    parent.push_back(std::move(one));
    return &parent.back();
  }

  template <class Value>
  bool value(Value one, size_t bytes) {
    bytes_.begin_token();
    if (depth_ == 0 || (depth_ == 1 && is_list_next_)) return false;
    const bool is_entry = is_entry_next();
    add(json(std::move(one)), bytes);
    return !is_entry || tell();
  }

  bool start(json one) {
    bytes_.begin_token();
    if (depth_ == 1 && is_list_next_) return false;
    const bool is_inside = is_entry_next() || !open_.empty();
    json* added = add(std::move(one), 0);
    // Of one that is too large only the depth is kept.
    if (is_inside) open_.push_back(added != nullptr ? added : &entry_);
    ++depth_;
    return true;
  }

  bool end() {
    bytes_.begin_token();
    --depth_;
    if (open_.empty()) return true;
    open_.pop_back();
    return !open_.empty() || tell();
  }

  bool tell() {
    using Handler = json::error_handler_t;
    result_ = each_(is_too_large_ ? std::string() : entry_.dump(-1, ' ', false, Handler::replace));
    entry_ = json();
    return result_.has_value();
  }

  FileBytes& bytes_;
  const EachEntry& each_;
  Result<> result_;
  size_t depth_ = 0;
  bool is_list_next_ = false, is_in_list_ = false, has_list_ = false;
  std::string key_;
  json entry_;
  std::vector<json*> open_;  // the containers of the entry that are not at their end yet
  bool is_too_large_ = false;
  size_t entry_bytes_ = 0, entry_values_ = 0;
};

}  // namespace

Result<> read_index_json(store::Disk& disk, const std::filesystem::path& path, const EachEntry& each) {
  const auto file = disk.open(path);
  if (!file) return failure(file.error());
  FileBytes bytes(disk, **file);
  Entries entries(bytes, each);
  const bool is_json = json::sax_parse(ByteIterator(&bytes), ByteIterator(nullptr), &entries);
  if (bytes.error()) return failure(*bytes.error());
  if (!entries.result()) return failure(entries.result().error());
  if (!is_json || !entries.has_list()) return failure(Error::Kind::invalid, path.string() + " is no index");
  return {};
}

}  // namespace breakwater::routes
