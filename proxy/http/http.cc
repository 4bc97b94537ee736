#include "proxy/http/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace breakwater::proxy {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Reads a date from its front. After the first part that does not fit, ended() stays false.
class DateText {
 public:
  explicit DateText(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }
  template <size_t n>
  unsigned one_of(const std::array<std::string_view, n>& words) {
    for (unsigned i = 0; i < n; ++i) {
      if (!rest_.starts_with(words[i])) continue;
      rest_.remove_prefix(words[i].size());
      return i;
    }
    fail();
    return 0;
  }
  int digits(size_t count) {
    int value = 0;
    if (rest_.size() < count) return fail(), 0;
    const auto text = rest_.substr(0, count);
    const auto parsed = std::from_chars(text.begin(), text.end(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.end() || text.starts_with('-')) return fail(), 0;
    rest_.remove_prefix(count);
    return value;
  }
  // asctime pads the day of the month with a space.
  int padded_day() {
    if (!rest_.starts_with(' ')) return digits(2);
    literal(" ");
    return digits(1);
  }
  std::chrono::seconds time_of_day() {
    int hour = digits(2);
    literal(":");
    int minute = digits(2);
    literal(":");
    int second = digits(2);
    if (hour > 23 || minute > 59 || second > 60) fail();
    return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  }
  bool ended() const { return !failed_ && rest_.empty(); }

 private:
  void fail() { failed_ = true; }
  std::string_view rest_;
  bool failed_ = false;
};

struct Date {
  int year = 0;
  unsigned month = 0;  // from 0
  int day = 0;
  std::chrono::seconds time{0};
};

std::optional<int64_t> epoch_of(const Date& date) {
  namespace chrono = std::chrono;
  const chrono::year_month_day day =
      chrono::year(date.year) / chrono::month(date.month + 1) / chrono::day(static_cast<unsigned>(date.day));
  if (!day.ok()) return std::nullopt;
  return chrono::duration_cast<chrono::seconds>(chrono::sys_days(day).time_since_epoch()).count() +
         date.time.count();
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<int64_t> parse_imf_fixdate(std::string_view text) {
  DateText in(text);
  Date date;
  in.one_of(kDays);
  in.literal(", ");
  date.day = in.digits(2);
  in.literal(" ");
  date.month = in.one_of(kMonths);
  in.literal(" ");
  date.year = in.digits(4);
  in.literal(" ");
  date.time = in.time_of_day();
  in.literal(" GMT");
  return in.ended() ? epoch_of(date) : std::nullopt;
}

// Sunday, 06-Nov-94 08:49:37 GMT. A year of two digits means 1970 to 2069.
std::optional<int64_t> parse_rfc850(std::string_view text) {
  DateText in(text);
  Date date;
  in.one_of(kLongDays);
  in.literal(", ");
  date.day = in.digits(2);
  in.literal("-");
  date.month = in.one_of(kMonths);
  in.literal("-");
  int year = in.digits(2);
  date.year = year < 70 ? 2000 + year : 1900 + year;
  in.literal(" ");
  date.time = in.time_of_day();
  in.literal(" GMT");
  return in.ended() ? epoch_of(date) : std::nullopt;
}

// Sun Nov  6 08:49:37 1994
std::optional<int64_t> parse_asctime(std::string_view text) {
  DateText in(text);
  Date date;
  in.one_of(kDays);
  in.literal(" ");
  date.month = in.one_of(kMonths);
  in.literal(" ");
  date.day = in.padded_day();
  in.literal(" ");
  date.time = in.time_of_day();
  in.literal(" ");
  date.year = in.digits(4);
  return in.ended() ? epoch_of(date) : std::nullopt;
}

void append_digits(std::string& text, int value, size_t count) {
  auto digits = std::to_string(value);
  if (digits.size() < count) text.append(count - digits.size(), '0');
  text += digits;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

}  // namespace

bool same_token(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

void Headers::set(std::string_view name, std::string value) {
  auto named = [name](const Header& header) { return same_token(header.name, name); };
  auto first = std::find_if(list_.begin(), list_.end(), named);
  if (first == list_.end()) return add(std::string(name), std::move(value));
  first->value = std::move(value);
  list_.erase(std::remove_if(std::next(first), list_.end(), named), list_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(list_, [name](const Header& header) { return same_token(header.name, name); });
}

const std::string* Headers::find(std::string_view name) const {
  for (const Header& header : list_) {
    if (same_token(header.name, name)) return &header.value;
  }
  return nullptr;
}

std::string_view Headers::get(std::string_view name) const {
  const std::string* value = find(name);
  return value != nullptr ? std::string_view(*value) : std::string_view();
}

std::string Headers::all(std::string_view name) const {
  std::string joined;
  bool first = true;
  for (const Header& header : list_) {
    if (!same_token(header.name, name)) continue;
    if (!std::exchange(first, false)) joined += ", ";
    joined += header.value;
  }
  return joined;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 511: return "Network Authentication Required";
    default: return "";
  }
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  if (auto date = parse_imf_fixdate(text)) return date;
  if (auto date = parse_rfc850(text)) return date;
  return parse_asctime(text);
}

std::string http_date(int64_t epoch_s) {
  namespace chrono = std::chrono;
  const chrono::sys_seconds moment{chrono::seconds(epoch_s)};
  const auto midnight = chrono::floor<chrono::days>(moment);
  const chrono::year_month_day day(midnight);
  const chrono::hh_mm_ss time(moment - midnight);
  std::string text(kDays[chrono::weekday(midnight).c_encoding()]);
  text += ", ";
  append_digits(text, static_cast<int>(static_cast<unsigned>(day.day())), 2);
  text += ' ';
  text += kMonths[static_cast<unsigned>(day.month()) - 1];
  text += ' ';
  append_digits(text, static_cast<int>(day.year()), 4);
  text += ' ';
  append_digits(text, static_cast<int>(time.hours().count()), 2);
  text += ':';
  append_digits(text, static_cast<int>(time.minutes().count()), 2);
  text += ':';
  append_digits(text, static_cast<int>(time.seconds().count()), 2);
  text += " GMT";
  return text;
}

std::optional<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      int high = text.size() - i > 2 ? hex_value(text[i + 1]) : -1;
      int low = text.size() - i > 2 ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (char c : text) {
    if (is_unreserved(c)) {
      encoded += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kHex[byte >> 4];
    encoded += kHex[byte & 15];
  }
  return encoded;
}

}  // namespace breakwater::proxy
