#include "proxy/server/reply_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

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

void compose_head(std::string& text, const Request& request, const ReplyHead& reply, const Headers& headers) {
  text = "HTTP/1.1 ";
  text += Digits(static_cast<uint64_t>(reply.status)).view();
  text += ' ';
  text += reason_of(reply.status);
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
