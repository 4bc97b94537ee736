// A stream that begins with the header of the PROXY protocol, before whatever another stream makes of the
// rest: TLS, or the bytes as they are. byte_stream.h says what each call does. The header is read to its last
// byte and no further, because OpenSSL reads from the descriptor itself.
//
//   under_way: the header --> under_way: the other stream's opening --> …
//           `--> refused: what has come is no header; header() says why
//
#pragma once

#include <memory>
#include <string>

#include "proxy/http/proxy_header.h"
#include "proxy/stream/byte_stream.h"

namespace breakwater::proxy {

class ProxiedStream final : public ByteStream {
 public:
  ProxiedStream(int fd, std::unique_ptr<ByteStream> rest) : fd_(fd), rest_(std::move(rest)) {}

  const ProxyHeader& header() const { return header_; }
  bool has_header() const { return header_.progress == ProxyHeader::Progress::done; }
  bool has_begun() const { return !begun_.empty(); }  // while there is no whole header
  // Whether what is behind the header is open with it.
  bool opens_at_once() const { return rest_->opening() == Opening::open; }

  Opening opening() const override;
  Next open() override;
  std::string why() const override;
  std::string subject() const override { return rest_->subject(); }
  Moved receive(std::span<char> into) override { return rest_->receive(into); }
  bool has_pending() const override { return has_header() && rest_->has_pending(); }
  Moved send(Parts parts, More more) override { return rest_->send(parts, more); }
  Moved send_file(int file, uint64_t offset, size_t bytes) override {
    return rest_->send_file(file, offset, bytes);
  }
  size_t held() const override { return rest_->held(); }
  Next say_end() override { return has_header() ? rest_->say_end() : Next::now; }
  bool is_bare() const override { return has_header() && rest_->is_bare(); }

 private:
  Next read_header();

  const int fd_;
  const std::unique_ptr<ByteStream> rest_;
  std::string begun_;  // what has come of the header
  ProxyHeader header_;
};

}  // namespace breakwater::proxy
