#include "proxy/stream/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <new>

namespace breakwater::proxy {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

// A method of HTTP begins so; a record of TLS does not.
bool begins_http(char first) { return first >= 'A' && first <= 'Z'; }

// What is at the front of the parts, up to one record: a view of one part, or copied together.
std::string_view front_of(ByteStream::Parts parts, size_t skipped, std::span<char> scratch) {
  size_t copied = 0;
  for (std::string_view part : parts) {
    const size_t gone = std::min(skipped, part.size());
    skipped -= gone;
    part.remove_prefix(gone);
    if (part.empty()) continue;
    if (copied == 0 && part.size() >= scratch.size()) return part.substr(0, scratch.size());
    const size_t bytes = std::min(part.size(), scratch.size() - copied);
    std::memcpy(scratch.data() + copied, part.data(), bytes);
    copied += bytes;
    if (copied == scratch.size()) break;
  }
  return {scratch.data(), copied};
}

std::string reason_of_refusal(SSL* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "the handshake failed" : reason;
  if (verified != X509_V_OK) text += std::string(": ") + X509_verify_cert_error_string(verified);
  return text;
}

}  // namespace

void TlsStream::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsStream::TlsStream(ssl_ctx_st* context, int fd, std::vector<char>& scratch)
    : fd_(fd), plain_(fd), ssl_(SSL_new(context)), scratch_(scratch) {
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd) != 1) throw std::bad_alloc();
  SSL_set_accept_state(ssl_.get());
}

TlsStream::~TlsStream() = default;

ByteStream::Next TlsStream::look_at_first_byte() {
  char first = 0;
  const ssize_t count = recv(fd_, &first, 1, MSG_PEEK);
  if (count < 0) return would_block(errno) ? Next::readable : Next::failed;
  if (count == 0) return Next::ended;
  has_first_byte_ = true;
  if (begins_http(first)) opening_ = Opening::plain;
  return Next::now;
}

ByteStream::Next TlsStream::open() {
  if (!has_first_byte_) {
    const Next next = look_at_first_byte();
    if (next != Next::now) return next;
  }
  if (opening_ != Opening::under_way) return Next::now;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    opening_ = Opening::open;
    is_in_kernel_ = BIO_get_ktls_send(SSL_get_wbio(ssl_.get()));
    return Next::now;
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_SSL) {
    why_ = reason_of_refusal(ssl_.get());
    opening_ = Opening::refused;
    return Next::now;
  }
  return next_after(result);
}

// What an SSL function that did not succeed leaves to do.
ByteStream::Next TlsStream::next_after(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Next::readable;
    case SSL_ERROR_WANT_WRITE: return Next::writable;
    case SSL_ERROR_ZERO_RETURN: return Next::ended;
    default: has_failed_ = true; return Next::failed;
  }
}

std::string TlsStream::subject() const {
  const std::unique_ptr<X509, FreeCertificate> certificate(SSL_get1_peer_certificate(ssl_.get()));
  const std::unique_ptr<BIO, FreeBio> text(BIO_new(BIO_s_mem()));
  if (certificate == nullptr || text == nullptr) return {};
  if (X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253) < 0)
    return {};
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(text.get(), &bytes);
  return {bytes, static_cast<size_t>(count)};
}

ByteStream::Moved TlsStream::receive(std::span<char> into) {
  if (!is_ciphered()) return plain_.receive(into);
  Moved moved;
  while (moved.bytes < into.size() && moved.next == Next::now) {
    const auto rest = into.subspan(moved.bytes);
    size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), rest.data(), rest.size(), &count);
    moved.bytes += count;
    if (result != 1) moved.next = next_after(result);
  }
  return moved;
}

bool TlsStream::has_pending() const { return is_ciphered() && SSL_pending(ssl_.get()) > 0; }

ByteStream::Moved TlsStream::send(Parts parts, More more) {
  if (opening_ == Opening::plain) return plain_.send(parts, more);
  if (!is_ciphered()) return {0, Next::failed};
  if (is_in_kernel_) return plain_.send(parts, more);
  Moved moved;
  while (moved.next == Next::now) {
    const auto record = front_of(parts, moved.bytes, scratch_);
    assert(record.size() >= sealed_ && "what was not taken comes again first");
    if (record.empty()) break;
    const Moved one = send_record(record);
    moved.bytes += one.bytes;
    moved.next = one.next;
  }
  return moved;
}

ByteStream::Moved TlsStream::send_record(std::string_view record) {
  size_t count = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &count);
  if (result == 1) {
    sealed_ = 0;
    return {count, Next::now};
  }
  const Next next = next_after(result);
  sealed_ = next == Next::writable ? record.size() : 0;
  return {0, next};
}

ByteStream::Moved TlsStream::send_file(int file, uint64_t offset, size_t bytes) {
  if (!is_ciphered()) return {0, Next::failed};
  if (is_in_kernel_) return plain_.send_file(file, offset, bytes);
  const ssize_t count =
      pread(file, scratch_.data(), std::min(bytes, scratch_.size()), static_cast<off_t>(offset));
  if (count <= 0 || static_cast<size_t>(count) < sealed_) return {0, Next::bad_file};
  return send_record({scratch_.data(), static_cast<size_t>(count)});
}

ByteStream::Next TlsStream::say_end() {
  // OpenSSL may not be asked for anything after it has failed, nor to say this in the middle of a record.
  if (!is_ciphered() || has_failed_ || sealed_ > 0) return Next::now;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  if (result < 0 && next_after(result) == Next::writable) return Next::writable;
  has_said_end_ = true;
  return Next::now;
}

}  // namespace breakwater::proxy
