#include "proxy/upstream/content_decoder.h"

#define ZLIB_CONST  // so that zlib takes const input
#include <zlib.h>

#include <algorithm>
#include <new>

namespace breakwater::proxy {
namespace {

constexpr size_t kOutputBytes = size_t{64} * 1024;
constexpr size_t kFirstBytes = 2;     // tell gzip and zlib apart from anything else
constexpr int kGzipWindow = 15 + 16;  // as inflateInit2() takes them
constexpr int kZlibWindow = 15;
constexpr int kRawWindow = -15;

unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

bool begins_as_gzip(std::string_view text) { return byte_of(text[0]) == 0x1f && byte_of(text[1]) == 0x8b; }
// RFC 1950, section 2.2.
bool begins_as_zlib(std::string_view text) {
  return (byte_of(text[0]) & 0x0f) == Z_DEFLATED && (byte_of(text[0]) * 256 + byte_of(text[1])) % 31 == 0;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace

struct ContentDecoder::Inflater {
  explicit Inflater(int window_bits) {
    if (inflateInit2(&stream, window_bits) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream{};
};

ContentDecoder::ContentDecoder(Coding coding, Sink& next) : coding_(coding), next_(next) {}
ContentDecoder::~ContentDecoder() = default;

Result<bool> ContentDecoder::body(std::span<const char> data) {
  size_t at = std::min(again_, data.size());
  for (;;) {
    if (!output_.empty()) {
      auto taken = next_.body(output_);
      if (!taken) return taken;
      if (!*taken) {
        again_ = std::max(again_, at);
        return false;
      }
      output_.clear();
    }
    if (at == data.size() && !more_) break;
    auto decoded = decode(data.subspan(at));
    if (!decoded) return failure(std::move(decoded).error());
    at += *decoded;
  }
  again_ -= std::min(again_, data.size());
  return true;
}

bool ContentDecoder::is_complete() const {
  const bool is_empty = state_ == State::beginning && first_.empty();
  return is_empty || state_ == State::plain || state_ == State::ended;
}

// Decodes a piece into output_. Returns how much of the data is done with.
Result<size_t> ContentDecoder::decode(std::span<const char> data) {
  switch (state_) {
    case State::beginning: return begin(data);
    case State::plain: {
      output_.assign(data.data(), std::min(data.size(), kOutputBytes));
      return output_.size();
    }
    case State::inflating: return inflate(data);
    case State::ended: break;
  }
  // A gzip file may have several members (RFC 1952, section 2.2).
  if (coding_ == Coding::gzip && !data.empty() && byte_of(data.front()) == 0x1f) {
    inflateReset(&inflater_->stream);
    state_ = State::inflating;
    return inflate(data);
  }
  return data.size();
}

Result<size_t> ContentDecoder::begin(std::span<const char> data) {
  const size_t taken = std::min(data.size(), kFirstBytes - first_.size());
  first_.append(data.data(), taken);
  if (first_.size() < kFirstBytes) return taken;
  if (begins_as_gzip(first_)) {
    inflater_ = std::make_unique<Inflater>(kGzipWindow);
  } else if (coding_ == Coding::deflate) {
    // Servers disagree on whether deflate has zlib's header, as RFC 9110, section 8.4.1.2, says that it has.
    inflater_ = std::make_unique<Inflater>(begins_as_zlib(first_) ? kZlibWindow : kRawWindow);
  } else {
    state_ = State::plain;
    output_ = first_;
    return taken;
  }
  state_ = State::inflating;
  auto decoded = inflate(first_);
  if (!decoded) return decoded;
  return taken;
}

Result<size_t> ContentDecoder::inflate(std::span<const char> data) {
  z_stream& stream = inflater_->stream;
  output_.resize(kOutputBytes);
  stream.next_out = reinterpret_cast<Bytef*>(output_.data());
  stream.avail_out = kOutputBytes;
  stream.next_in = reinterpret_cast<const Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  const int result = ::inflate(&stream, Z_NO_FLUSH);
  more_ = stream.avail_out == 0 && result != Z_STREAM_END;
  output_.resize(kOutputBytes - stream.avail_out);
  if (result == Z_STREAM_END) state_ = State::ended;
  // Z_BUF_ERROR only says that there was nothing to do.
  if (result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END) return data.size() - stream.avail_in;
  return failure(Error::Kind::corrupt, "the answer's Content-Encoding cannot be undone");
}

std::optional<ContentDecoder::Coding> coding_of(std::string_view content_encoding) {
  std::optional<ContentDecoder::Coding> coding;
  while (!content_encoding.empty()) {
    const size_t size = std::min(content_encoding.find(','), content_encoding.size());
    const std::string_view name = trimmed(content_encoding.substr(0, size));
    content_encoding.remove_prefix(std::min(size + 1, content_encoding.size()));
    // S3 keeps the label of a framing that it has undone itself.
    if (name.empty() || same_token(name, "identity") || same_token(name, "aws-chunked")) continue;
    if (coding) return std::nullopt;  // one in another
    if (same_token(name, "gzip") || same_token(name, "x-gzip"))
      coding = ContentDecoder::Coding::gzip;
    else if (same_token(name, "deflate"))
      coding = ContentDecoder::Coding::deflate;
    else
      return std::nullopt;
  }
  return coding;
}

std::optional<ContentDecoder::Coding> coding_to_undo(const Head& head, Decoding decoding,
                                                     std::optional<uint64_t> size) {
  if (decoding == Decoding::never) return std::nullopt;
  if (size && size_of_whole(head) == size) return std::nullopt;
  return coding_of(head.headers.all("Content-Encoding"));
}

}  // namespace breakwater::proxy
