// The parts of an HTTP/1.1 message that both sides of Breakwater use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace breakwater::proxy {

// Compares without regard to the case of ASCII letters, as RFC 9110 compares field names and tokens.
bool same_token(std::string_view a, std::string_view b);

struct Header {
  std::string name;
  std::string value;
};

// The fields of a message, in the order of arrival. Names are compared without regard to case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : list_(headers) {}

  void add(std::string name, std::string value) {
    list_.push_back(Header(std::move(name), std::move(value)));
  }
  void set(std::string_view name, std::string value);  // Replaces every field of that name.
  void remove(std::string_view name);
  // The value of the first field of that name, or null.
  const std::string* find(std::string_view name) const;
  std::string_view get(std::string_view name) const;  // the same, "" if there is no such field
  // The values of all fields of that name, joined by ", ", as RFC 9110 5.3 allows for list headers.
  std::string all(std::string_view name) const;

  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  size_t size() const { return list_.size(); }
  void clear() { list_.clear(); }

 private:
  std::vector<Header> list_;
};

struct Request {
  std::string method;
  std::string target;  // as sent: path and query
  int minor_version = 1;
  Headers headers;
};

// "OK" for 200; "" for a status that is not registered.
std::string_view reason_of(int status);

// Seconds since the epoch of a date such as "Sun, 06 Nov 1994 08:49:37 GMT". Nothing if `text` is neither an
// IMF-fixdate nor an RFC 850 nor an asctime date.
std::optional<int64_t> parse_http_date(std::string_view text);
std::string http_date(int64_t epoch_s);

// Undoes the %-encoding of one path segment or query value; nothing if it is malformed. In query values a
// plus sign may mean a space: Plus::space.
enum class Plus { keep, space };
std::optional<std::string> percent_decode(std::string_view text, Plus plus);
std::string percent_encode(std::string_view text);  // Encodes everything but unreserved characters.

}  // namespace breakwater::proxy
