#include "proxy/server/reply_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "proxy/http/status_line.h"

namespace breakwater::proxy {
namespace {

constexpr std::string_view kCrlf = "\r\n";

// A number as text, on the stack.
class Digits {
 public:
  explicit Digits(uint64_t value, int base = 10) {
    end_ = std::to_chars(text_.data(), text_.data() + text_.size(), value, base).ptr;
  }
  std::string_view view() const {
    return std::string_view(text_.data(), static_cast<size_t>(end_ - text_.data()));
  }

 private:
  std::array<char, 24> text_;
  char* end_;
};

bool is_servers_own(std::string_view name) {
  switch (name.size()) {
    case 4: return same_token(name, "Date");
    case kReasonField.size(): return name == kReasonField;
    case 10: return same_token(name, "Connection");
    case 12: return same_token(name, "X-Request-Id");
    case 14: return same_token(name, "Content-Length");
    case 17: return same_token(name, "Transfer-Encoding");
    default: return false;
  }
}

// Appends `value` with each line break replaced by a space, because a line break would end the header, or the
// head. This holds wherever the value came from. Every character is written, since the compiler then takes
// many at once.
void append_value(std::string& head, std::string_view value) {
  const auto from = static_cast<std::ptrdiff_t>(head.size());
  head += value;
  std::transform(head.begin() + from, head.end(), head.begin() + from,
                 [](char c) { return c == '\r' || c == '\n' || c == '\0' ? ' ' : c; });
}

void append_framing(std::string& head, const Request& request, const ReplyHead& reply) {
  if (reply.status < 200 || reply.status == 204 || reply.status == 304) return;
  if (reply.length) {
    head += "\r\nContent-Length: ";
    head += Digits(*reply.length).view();
  } else if (request.minor_version == 1) {
    head += "\r\nTransfer-Encoding: chunked";
  }
}

}  // namespace

Framing framing_of(const Request& request, int status, std::optional<uint64_t> length) {
  if (status < 200 || status == 204 || status == 304 || request.method == "HEAD") return Framing::none;
  if (length) return Framing::length;
  return request.minor_version == 0 ? Framing::until_close : Framing::chunked;
}

void append_status_line(std::string& text, int status, std::string_view reason) {
  text += "HTTP/1.1 ";
  text += Digits(static_cast<uint64_t>(status)).view();
  text += ' ';
  text += reason_of(status);
  if (reason.empty()) return;
  text += ": ";
  // A run of bytes that are not printable ASCII, as of a character of another alphabet, becomes one "?".
  bool was_printable = true;
  for (const char c : reason.substr(0, kReasonBytesMax)) {
    const bool is_printable = c >= 0x20 && c < 0x7f;
    if (is_printable || was_printable) text += is_printable ? c : '?';
    was_printable = is_printable;
  }
}

void compose_head(std::string& text, const Request& request, const ReplyHead& reply, const Headers& headers) {
  text.clear();
  append_status_line(text, reply.status, reply.status < 400 ? std::string_view() : headers.get(kReasonField));
  for (const Header& header : headers) {
    if (is_servers_own(header.name)) continue;
    text += kCrlf;
    append_value(text, header.name);
    text += ": ";
    append_value(text, header.value);
  }
  if (!reply.hop_name.empty()) {
    text += "\r\nVia: 1.1 ";
    text += reply.hop_name;
  }
  text += "\r\nX-Request-Id: ";
  text += reply.request_id;
  text += "\r\nDate: ";
  text += reply.date;
  append_framing(text, request, reply);
  if (reply.closes) {
    text += "\r\nConnection: close";
  } else if (request.minor_version == 0) {
    text += "\r\nConnection: keep-alive";
  }
  text += "\r\n\r\n";
}

void append_chunk_head(std::string& text, uint64_t bytes) {
  text += Digits(bytes, 16).view();
  text += kCrlf;
}

}  // namespace breakwater::proxy
