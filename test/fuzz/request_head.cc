// Where the network cuts a request changes nothing: the same head, the same body, the same bytes left for the
// next request, or the same refusal. The input's first two bytes say where it is cut.
#include "proxy/http/http_parser.h"

#include <event2/buffer.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

using breakwater::proxy::RequestParser;
using Progress = RequestParser::Progress;

constexpr size_t kPieceBytes = 64;

void require(bool condition) {
  if (!condition) std::abort();
}

struct FreeBuffer {
  void operator()(evbuffer* buffer) const { evbuffer_free(buffer); }
};

struct Read {
  bool has_head = false;
  bool failed = false;
  int status = 0;
  std::string method, target, headers, body, rest;
  bool operator==(const Read&) const = default;
};

void read_body(RequestParser& parser, evbuffer* input, Read& read) {
  while (!parser.body_ended() && !read.failed) {
    std::string piece(evbuffer_get_length(input), '\0');
    evbuffer_remove(input, piece.data(), piece.size());
    const auto part = parser.parse_body(piece, kPieceBytes);
    require(part.body <= kPieceBytes && part.body <= part.taken && part.taken <= piece.size());
    evbuffer_prepend(input, piece.data() + part.taken, piece.size() - part.taken);
    piece.resize(part.body);
    read.body += piece;
    read.failed = part.progress == Progress::failed;
    if (part.taken == 0 && part.progress == Progress::more) break;
  }
}

void read_head(RequestParser& parser, evbuffer* input, Read& read) {
  auto progress = parser.parse_head(input);
  read.failed = progress == Progress::failed;
  read.has_head = progress == Progress::done;
  if (!read.has_head) return;
  read.method = parser.request().method;
  read.target = parser.request().target;
  require(!read.target.empty() && (read.target[0] == '/' || read.target == "*"));
  for (const auto& header : parser.request().headers) {
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    read.headers += header.name + ":" + header.value + "\n";
  }
}

Read read_request(std::string_view first, std::string_view second) {
  std::unique_ptr<evbuffer, FreeBuffer> input(evbuffer_new());
  RequestParser parser(RequestParser::Limits{});
  Read read;
  for (auto part : {first, second}) {
    std::unique_ptr<evbuffer, FreeBuffer> packet(evbuffer_new());
    evbuffer_add(packet.get(), part.data(), part.size());
    evbuffer_add_buffer(input.get(), packet.get());
    if (!read.has_head && !read.failed) read_head(parser, input.get(), read);
    if (read.has_head && !read.failed) read_body(parser, input.get(), read);
  }
  if (read.failed) {
    read.status = parser.malformed().status;
    require(read.status >= 400 && parser.malformed().why[0] != '\0');
    read.body.clear();  // how much was handed out before the mistake was seen may differ
    return read;
  }
  read.rest.resize(evbuffer_get_length(input.get()));
  evbuffer_remove(input.get(), read.rest.data(), read.rest.size());
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  size_t cut = (static_cast<size_t>(data[0]) << 8 | data[1]) % (text.size() + 1);
  require(read_request(text, {}) == read_request(text.substr(0, cut), text.substr(cut)));
  return 0;
}
