#include "proxy/upstream/head_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "proxy/http/content_range.h"

namespace breakwater::proxy {
namespace {

std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

HeadReader::Taken HeadReader::take(std::string_view line) {
  bytes_ += line.size();
  if (bytes_ > bytes_max_) return Taken::too_long;
  if (complete_) return Taken::more;
  if (line.starts_with("HTTP/"))
    take_status(trimmed(line));
  else if (trimmed(line).empty())
    return finish();
  else
    take_field(line);
  return Taken::more;
}

void HeadReader::take_status(std::string_view line) {
  head_.headers.clear();  // drops the fields of a 1xx that came before
  std::string_view status = line.substr(std::min(line.find(' '), line.size()));
  head_.status = number_of<int>(trimmed(status).substr(0, 3)).value_or(0);
}

void HeadReader::take_field(std::string_view line) {
  size_t colon = line.find(':');
  // An obsolete continuation line, or nonsense: neither changes a field that we use.
  if (line.front() == ' ' || line.front() == '\t' || colon == std::string_view::npos) return;
  head_.headers.add(std::string(trimmed(line.substr(0, colon))),
                    std::string(trimmed(line.substr(colon + 1))));
}

HeadReader::Taken HeadReader::finish() {
  if (head_.status == 101) return Taken::switching;
  if (head_.status < 200) return Taken::more;  // the final head follows
  complete_ = true;
  bool chunked = head_.headers.find("Transfer-Encoding") != nullptr;
  if (!chunked) head_.length = number_of<uint64_t>(head_.headers.get("Content-Length"));
  return Taken::complete;
}

std::optional<uint64_t> size_of_whole(const Head& head) {
  if (head.status != 206) return head.length;
  const auto range = parse_content_range(head.headers.get("Content-Range"));
  return range ? range->total : std::nullopt;
}

}  // namespace breakwater::proxy
