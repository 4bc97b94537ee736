// TLS over a connection that a client has made: the server's side of one SSL of OpenSSL. byte_stream.h says
// what each call does.
//
// A client that speaks HTTP without TLS is told from others by its first byte, before OpenSSL sees it. Once
// TLS is spoken a fault of the client ends everything: it has its alert, and the stream has failed.
//
// If the kernel does the TLS of what is sent, it is given bytes and files as a PlainStream gives them, and a
// file is not copied. OpenSSL is then asked to send nothing but its alerts, for OpenSSL 3.0 keeps a pointer
// to what the kernel has not taken, and sends what is there by the next call (openssl issue 21202).
//
// Else a file goes record by record through the scratch memory of all streams. Between two records an idle
// connection holds no buffer (SSL_MODE_RELEASE_BUFFERS). A record that the kernel has not taken whole is kept
// sealed by OpenSSL, which wants the same bytes once more: hence kRecordBytes and held().
#pragma once

#include <memory>
#include <vector>

#include "proxy/stream/byte_stream.h"
#include "proxy/stream/plain_stream.h"

struct ssl_ctx_st;
struct ssl_st;

namespace breakwater::proxy {

class TlsStream final : public ByteStream {
 public:
  // `context` may be freed afterwards. `scratch` is of kRecordBytes, is never used across two calls, and
  // outlives this.
  TlsStream(ssl_ctx_st* context, int fd, std::vector<char>& scratch);
  ~TlsStream() override;
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Opening opening() const override { return opening_; }
  Next open() override;
  std::string why() const override { return why_; }
  std::string subject() const override;
  Moved receive(std::span<char> into) override;
  bool has_pending() const override;
  Moved send(Parts parts, More more) override;
  Moved send_file(int file, uint64_t offset, size_t bytes) override;
  size_t held() const override { return sealed_; }
  Next say_end() override;
  bool is_bare() const override { return false; }

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };

  Next look_at_first_byte();
  bool is_ciphered() const { return opening_ == Opening::open && !has_said_end_; }
  Next next_after(int result);
  Moved send_record(std::string_view record);

  const int fd_;
  PlainStream plain_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::vector<char>& scratch_;
  Opening opening_ = Opening::under_way;
  bool has_first_byte_ = false;
  bool is_in_kernel_ = false;  // what is sent
  bool has_said_end_ = false;
  bool has_failed_ = false;
  size_t sealed_ = 0;  // bytes of a record that the kernel has not taken whole
  std::string why_;
};

}  // namespace breakwater::proxy
