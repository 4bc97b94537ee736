#include "proxy/http/http_parser.h"

#include <event2/buffer.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cctype>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

namespace breakwater::proxy {
namespace {

namespace beast = boost::beast::http;
using Progress = RequestParser::Progress;

// The line of a chunk's size with its extensions, and all trailers together.
constexpr size_t kChunkHeadBytesMax = size_t{8} * 1024;
// The length of "0\r\n\r\n". Beast asserts that it is never given less than that of a last chunk, and no
// valid body has fewer bytes left at the boundary of a chunk.
constexpr size_t kChunkHeadBytesMin = 5;
constexpr char kTlsHandshake = 0x16;
constexpr const char* kTlsOnPlain =
    "this is plain HTTP, but the client speaks TLS: write http:// instead of https://";
constexpr std::string_view kChunkEnd = "\r\n";

std::string_view view(boost::beast::string_view text) { return std::string_view(text.data(), text.size()); }

bool is_host_character(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && std::strchr("/\\@?#\"<>^`{|}", c) == nullptr;
}

bool is_valid_host(std::string_view host) { return std::all_of(host.begin(), host.end(), is_host_character); }

bool has_ranges(std::string_view head) {
  constexpr std::string_view kRange = "Range:";
  for (auto line = head.find('\n'); line != std::string_view::npos; line = head.find('\n', line + 1)) {
    if (same_token(head.substr(line + 1, kRange.size()), kRange)) return true;
  }
  return false;
}

bool is_valid_target(std::string_view target) {
  return std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

struct Target {
  std::string authority;  // of the absolute form; else empty
  std::string origin_form;
};

// Splits "http://host/path" into "host" and "/path": servers must accept the absolute form (RFC 9112, 3.2.2).
// Nothing if the target has neither form.
std::optional<Target> split_target(std::string_view target) {
  if (target.starts_with('/') || target == "*") return Target{"", std::string(target)};
  auto scheme = target.find("://");
  if (scheme == std::string_view::npos ||
      !(same_token(target.substr(0, scheme), "http") || same_token(target.substr(0, scheme), "https")))
    return std::nullopt;
  auto begin = scheme + 3;  // of the authority
  auto end = std::min(target.find_first_of("/?", begin), target.size());
  auto authority = std::string(target.substr(begin, end - begin));
  if (authority.empty() || !is_valid_host(authority)) return std::nullopt;
  auto rest = std::string(target.substr(end));
  return Target{std::move(authority), rest.starts_with('/') ? rest : "/" + rest};
}

// Whether the request line ends in a version of HTTP that we do not speak. "GET / HTTP/2.0" does; "GET / FOO"
// and "GET / / HTTP/1.1" are no requests at all.
bool names_other_version(std::string_view line) {
  auto space = line.rfind(' ');
  if (space == std::string_view::npos) return false;
  auto version = line.substr(space + 1);
  return version.size() == 8 && version != "HTTP/1.1" && version != "HTTP/1.0" &&
         version.starts_with("HTTP/") && std::isdigit(static_cast<unsigned char>(version[5])) &&
         version[6] == '.' && std::isdigit(static_cast<unsigned char>(version[7]));
}

// Beast's parser, which fills our Request. It is given a whole head at once, and bodies only if they are
// chunked.
class Reader final : public beast::basic_parser<true> {
 public:
  Reader(Request& request, const RequestParser::Limits& limits, Malformed& malformed)
      : request_(request), limits_(limits), malformed_(malformed) {
    header_limit(std::numeric_limits<uint32_t>::max());  // the caller has checked the limit
    restore_body_limit();
  }

  // Beast subtracts the size of a chunk from its limit each time that it reads the chunk's head, and so more
  // than once if the head comes in pieces.
  void restore_body_limit() {
    // With boost::none Beast 1.74 refuses every Content-Length.
    body_limit(std::numeric_limits<uint64_t>::max());
  }

  bool expects_continue() const { return expects_continue_; }
  unsigned hosts() const { return hosts_; }
  const std::string& authority() const { return authority_; }  // of a target in absolute form
  bool has_transfer_encoding() const { return has_transfer_encoding_; }
  bool in_chunk() const { return chunk_left_ > 0; }
  uint64_t chunk_left() const { return chunk_left_; }
  bool has_had_chunk() const { return has_had_chunk_; }
  // Puts what follows of the body there. That may overlap the bytes which are parsed, but not lie behind
  // them.
  void put_body_into(std::span<char> space) { space_ = space; }
  size_t space() const { return space_.size(); }  // what is left of it

 private:
  using Code = boost::beast::error_code;

  void refuse(Code& code, int status, const char* why) {
    malformed_ = Malformed(status, why, false);
    code = beast::error::bad_value;
  }

  void on_request_impl(beast::verb, boost::beast::string_view method, boost::beast::string_view target,
                       int version, Code& code) override {
    if (target.size() > limits_.target_bytes_max) return refuse(code, 414, "the target is too long");
    auto split = split_target(view(target));
    if (!split || !is_valid_target(split->origin_form)) return refuse(code, 400, "the target is malformed");
    request_.method.assign(method.data(), method.size());
    request_.target = std::move(split->origin_form);
    authority_ = std::move(split->authority);
    request_.minor_version = version % 10;
  }

  void on_field_impl(beast::field field, boost::beast::string_view name, boost::beast::string_view value,
                     Code& code) override {
    if (head_ended_) return;  // trailers are read and dropped
    request_.headers.add(std::string(name), std::string(value));
    if (field == beast::field::host) {
      ++hosts_;
      if (!is_valid_host(view(value))) refuse(code, 400, "the Host is malformed");
    } else if (field == beast::field::transfer_encoding) {
      has_transfer_encoding_ = true;
      if (!same_token(view(value), "chunked")) refuse(code, 501, "the transfer coding is not known here");
    } else if (field == beast::field::expect) {
      expects_continue_ = same_token(view(value), "100-continue");
      if (!expects_continue_) refuse(code, 417, "the expectation is not known here");
    }
  }

  void on_response_impl(int, boost::beast::string_view, int, Code&) override {}
  void on_header_impl(Code&) override { head_ended_ = true; }
  void on_body_init_impl(const boost::optional<uint64_t>&, Code&) override {}
  void on_finish_impl(Code&) override {}
  // A body with a Content-Length is not given to Beast.
  size_t on_body_impl(boost::beast::string_view body, Code&) override { return body.size(); }

  void on_chunk_header_impl(uint64_t size, boost::beast::string_view, Code&) override {
    chunk_left_ = size;
    has_had_chunk_ = true;
  }
  size_t on_chunk_body_impl(uint64_t, boost::beast::string_view data, Code&) override {
    size_t taken = std::min(data.size(), space_.size());
    std::memmove(space_.data(), data.data(), taken);
    space_ = space_.subspan(taken);
    chunk_left_ -= taken;
    return taken;
  }

  Request& request_;
  const RequestParser::Limits& limits_;
  Malformed& malformed_;
  bool head_ended_ = false;
  bool expects_continue_ = false;
  bool has_transfer_encoding_ = false;
  unsigned hosts_ = 0;
  std::string authority_;
  uint64_t chunk_left_ = 0;
  bool has_had_chunk_ = false;
  std::span<char> space_;
};

}  // namespace

struct RequestParser::Impl {
  explicit Impl(const Limits& l) : limits(l) {}

  Progress refuse(int status, const char* why) {
    malformed = Malformed(status, why, false);
    return Progress::failed;
  }

  // `done` when `bytes` hold a whole head, up to its empty line; `scanned` is then the length of the head.
  // Each byte is scanned once.
  Progress find_end(std::string_view bytes);
  Progress skip_empty_lines(evbuffer* input);
  Progress read_head(std::string_view head);
  Progress explain(std::string_view head, const boost::beast::error_code& code);
  Progress check_head();
  Progress read_chunks(std::string_view received, size_t& taken);

  Limits limits;
  Malformed malformed;
  Request request;
  std::optional<Reader> reader;
  size_t scanned = 0;     // bytes of the head that are known not to hold its end
  size_t line_began = 0;  // where the line that is being scanned began
  size_t skipped = 0;     // bytes of empty lines before the request
  std::optional<uint64_t> length;
  uint64_t left = 0;        // bytes still to come of a body with Content-Length
  bool ends_chunk = false;  // the end of a chunk that another parser has read is still to come
};

Progress RequestParser::Impl::skip_empty_lines(evbuffer* input) {
  char start[2];
  while (scanned == 0 && evbuffer_copyout(input, start, 2) == 2 && start[0] == '\r' && start[1] == '\n') {
    evbuffer_drain(input, 2);
    skipped += 2;
    if (skipped > limits.header_bytes_max) return refuse(400, "empty lines, but no request");
  }
  return Progress::done;
}

Progress RequestParser::Impl::find_end(std::string_view bytes) {
  for (;;) {
    auto newline = bytes.find('\n', scanned);
    if (newline == std::string_view::npos) {
      scanned = bytes.size();
      return Progress::more;
    }
    if (newline == 0 || bytes[newline - 1] != '\r') return refuse(400, "a line does not end in CRLF");
    char first = bytes[line_began];
    if (first == ' ' || first == '\t') return refuse(400, "a line is folded or begins with a space");
    bool empty = newline == line_began + 1;
    scanned = line_began = newline + 1;
    if (empty) return Progress::done;
  }
}

Progress RequestParser::Impl::explain(std::string_view head, const boost::beast::error_code& code) {
  if (malformed.why[0] != '\0') return Progress::failed;
  auto first_line = head.substr(0, head.find("\r\n"));
  if (code == beast::error::bad_version && names_other_version(first_line))
    return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (code == beast::error::bad_content_length)
    return refuse(400, "the Content-Length is malformed or contradicts another");
  if (code == beast::error::bad_transfer_encoding)
    return refuse(400, "the Transfer-Encoding contradicts another header");
  if (code == beast::error::bad_field || code == beast::error::bad_value)
    return refuse(400, "a header is malformed");
  return refuse(400, "the request line is malformed");
}

Progress RequestParser::Impl::check_head() {
  if (reader->hosts() > 1) return refuse(400, "there is more than one Host");
  if (reader->hosts() == 0 && request.minor_version == 1) return refuse(400, "there is no Host");
  if (reader->has_transfer_encoding() && request.minor_version == 0)
    return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
  if (!reader->authority().empty()) request.headers.set("Host", reader->authority());
  length = reader->chunked() ? std::nullopt : std::optional<uint64_t>(reader->content_length().value_or(0));
  left = length.value_or(0);
  return Progress::done;
}

Progress RequestParser::Impl::read_head(std::string_view head) {
  reader.emplace(request, limits, malformed);
  boost::beast::error_code code;
  reader->put(boost::asio::const_buffer(head.data(), head.size()), code);
  if (code || !reader->is_header_done()) return explain(head, code);
  return check_head();
}

// Reads on behind the first `taken` bytes, and counts what it reads: the head of a chunk, or what is there of
// the chunk itself.
Progress RequestParser::Impl::read_chunks(std::string_view received, size_t& taken) {
  auto bytes = received.substr(taken);
  if (ends_chunk) {
    if (bytes.size() < kChunkEnd.size()) return Progress::more;
    if (!bytes.starts_with(kChunkEnd)) return refuse(400, "the chunked body is malformed");
    taken += kChunkEnd.size();
    ends_chunk = false;
    return Progress::done;
  }
  if (!reader->in_chunk() && bytes.size() < kChunkHeadBytesMin) return Progress::more;
  if (!reader->in_chunk()) bytes = bytes.substr(0, kChunkHeadBytesMax);
  boost::beast::error_code code;
  reader->restore_body_limit();
  taken += reader->put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
  if (!code) return Progress::done;
  if (code != beast::error::need_more) return refuse(400, "the chunked body is malformed");
  if (bytes.size() == kChunkHeadBytesMax) return refuse(400, "a chunk's head or the trailers are too long");
  return Progress::more;
}

RequestParser::RequestParser(const Limits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

Progress RequestParser::parse_head(evbuffer* input) {
  Impl& self = *impl_;
  if (self.skip_empty_lines(input) == Progress::failed) return Progress::failed;
  size_t length = std::min<size_t>(evbuffer_get_length(input), self.limits.header_bytes_max);
  if (length == 0) return Progress::more;
  auto bytes = std::string_view(
      reinterpret_cast<const char*>(evbuffer_pullup(input, static_cast<ev_ssize_t>(length))), length);
  if (bytes == "\r") return Progress::more;  // maybe an empty line
  if (bytes[0] == kTlsHandshake) {
    self.malformed = Malformed(400, kTlsOnPlain, true);
    return Progress::failed;
  }
  auto found = self.find_end(bytes);
  if (found == Progress::more && length == self.limits.header_bytes_max) {
    if (self.line_began == 0) return self.refuse(414, "the request line is too long");
    // A client that asks for a thousand ranges of a layer asks for fewer after a 400, and after no other
    // status.
    return has_ranges(bytes) ? self.refuse(400, "the head is too long: ask for fewer ranges")
                             : self.refuse(431, "the head is too long");
  }
  if (found != Progress::done) return found;
  size_t head_bytes = self.scanned;
  auto read = self.read_head(bytes.substr(0, head_bytes));
  evbuffer_drain(input, head_bytes);
  return read;
}

RequestParser::BodyPart RequestParser::parse_body(std::span<char> received, size_t bytes_max) {
  Impl& self = *impl_;
  auto space = received.first(std::min(received.size(), bytes_max));
  if (self.length) {
    auto taken = static_cast<size_t>(std::min<uint64_t>(space.size(), self.left));
    self.left -= taken;
    return {self.left == 0 ? Progress::done : Progress::more, taken, taken};
  }
  auto& reader = *self.reader;
  BodyPart part{Progress::done, 0, 0};
  reader.put_body_into(space);
  while (part.progress == Progress::done && !reader.is_done()) {
    if (part.taken == received.size() || (reader.space() == 0 && reader.in_chunk())) {
      part.progress = Progress::more;
    } else {
      part.progress = self.read_chunks({received.data(), received.size()}, part.taken);
    }
  }
  part.body = space.size() - reader.space();
  return part;
}

void RequestParser::next() {
  Impl& self = *impl_;
  self.request.method.clear();
  self.request.target.clear();
  self.request.headers.clear();
  self.reader.reset();
  self.scanned = self.line_began = self.skipped = 0;
  self.ends_chunk = false;
}

const Malformed& RequestParser::malformed() const { return impl_->malformed; }
const Request& RequestParser::request() const { return impl_->request; }
std::optional<uint64_t> RequestParser::body_length() const { return impl_->length; }
std::optional<uint64_t> RequestParser::body_left() const {
  return impl_->length ? std::optional<uint64_t>(impl_->left) : std::nullopt;
}
uint64_t RequestParser::chunk_left() const { return impl_->reader->chunk_left(); }
bool RequestParser::between_chunks() const {
  const auto& reader = *impl_->reader;
  return impl_->ends_chunk || (reader.has_had_chunk() && !reader.in_chunk() && !reader.is_done());
}
void RequestParser::begin_between_chunks() { impl_->ends_chunk = true; }
bool RequestParser::body_ended() const { return impl_->length ? impl_->left == 0 : impl_->reader->is_done(); }
bool RequestParser::keep_alive() const { return impl_->reader->keep_alive(); }
bool RequestParser::expects_continue() const {
  return impl_->reader->expects_continue() && impl_->request.minor_version == 1;
}

}  // namespace breakwater::proxy
