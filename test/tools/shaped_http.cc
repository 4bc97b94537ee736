#include "test/tools/shaped_http.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace breakwater::test {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string_view next_line(std::string_view& text) {
  size_t end = text.find("\r\n");
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string field_of(std::string_view head, std::string_view name) {
  next_line(head);
  while (!head.empty()) {
    std::string_view line = next_line(head);
    size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_name(line.substr(0, colon), name))
      return std::string(trimmed(line.substr(colon + 1)));
  }
  return "";
}

std::optional<std::string> RequestReader::next() {
  size_t end = waiting_.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string head = waiting_.substr(0, end + 4);
  waiting_.erase(0, end + 4);
  return head;
}

RequestHead RequestReader::parse(std::string_view head) {
  RequestHead request;
  request.range = field_of(head, "Range");
  request.authorized = !field_of(head, "Authorization").empty();
  std::string_view line = next_line(head);
  size_t first = line.find(' ');
  size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first) return request;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  return request;
}

size_t ReplyReader::take(std::string_view bytes, uint64_t body_bytes_max) {
  size_t taken = 0;
  while (taken < bytes.size() && !complete()) {
    std::string_view rest = bytes.substr(taken);
    size_t step = 0;
    if (phase_ == Phase::head) {
      step = take_head(rest);
    } else if (phase_ == Phase::body || phase_ == Phase::body_to_end || phase_ == Phase::chunk) {
      step = take_body(rest, body_bytes_max);
      if (step == 0) break;
    } else {
      step = take_line(rest);
    }
    taken += step;
  }
  return taken;
}

size_t ReplyReader::take_head(std::string_view bytes) {
  size_t before = text_.size();
  text_.append(bytes);
  size_t end = text_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) return bytes.size();
  text_.resize(end + 4);
  size_t taken = text_.size() - before;
  read_head();
  text_.clear();
  return taken;
}

void ReplyReader::read_head() {
  status_ = text_.size() > 12 ? std::atoi(text_.c_str() + 9) : 0;
  if (status_ >= 100 && status_ < 200) return;  // the real head follows
  std::string length = field_of(text_, "Content-Length");
  if (to_head_request_ || status_ == 204 || status_ == 304 || length == "0") {
    phase_ = Phase::complete;
  } else if (same_name(field_of(text_, "Transfer-Encoding"), "chunked")) {
    phase_ = Phase::chunk_size;
  } else if (length.empty()) {
    phase_ = Phase::body_to_end;
    left_ = UINT64_MAX;
  } else {
    phase_ = Phase::body;
    left_ = std::strtoull(length.c_str(), nullptr, 10);
  }
}

size_t ReplyReader::take_body(std::string_view bytes, uint64_t body_bytes_max) {
  uint64_t allowed = body_bytes_max > body_bytes_ ? body_bytes_max - body_bytes_ : 0;
  uint64_t count = std::min({static_cast<uint64_t>(bytes.size()), left_, allowed});
  body_bytes_ += count;
  left_ -= count;
  if (left_ == 0) phase_ = phase_ == Phase::chunk ? Phase::chunk_end : Phase::complete;
  return static_cast<size_t>(count);
}

size_t ReplyReader::take_line(std::string_view bytes) {
  size_t end = bytes.find('\n');
  text_.append(bytes.substr(0, end == std::string_view::npos ? bytes.size() : end + 1));
  if (end == std::string_view::npos) return bytes.size();
  bool blank = text_ == "\r\n" || text_ == "\n";
  if (phase_ == Phase::chunk_size) {
    read_chunk_size();
  } else if (phase_ == Phase::chunk_end) {
    phase_ = Phase::chunk_size;
  } else if (blank) {
    phase_ = Phase::complete;
  }
  text_.clear();
  return end + 1;
}

void ReplyReader::read_chunk_size() {
  left_ = std::strtoull(text_.c_str(), nullptr, 16);
  phase_ = left_ == 0 ? Phase::trailer : Phase::chunk;
}

}  // namespace breakwater::test
