#include "test/fakes/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace breakwater::test {
namespace {

using Next = proxy::ByteStream::Next;

void check(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("TLS client: ") + what);
}

}  // namespace

struct TlsClient::Spoken {
  explicit Spoken(SSL* s) : ssl(s) {}
  Spoken(const Spoken&) = delete;
  Spoken& operator=(const Spoken&) = delete;
  ~Spoken() { SSL_free(ssl); }
  SSL* ssl;
  std::string error;
};

class TlsClient::Stream final : public proxy::ByteStream {
 public:
  explicit Stream(std::shared_ptr<Spoken> spoken) : spoken_(std::move(spoken)) {}

  // Reading and writing shake hands on the way.
  Opening opening() const override { return Opening::open; }
  Next open() override { return Next::now; }
  std::string why() const override { return {}; }
  std::string subject() const override { return {}; }
  Moved receive(std::span<char> into) override;
  bool has_pending() const override { return SSL_pending(spoken_->ssl) > 0; }
  Moved send(Parts parts, More) override;
  Moved send_file(int, uint64_t, size_t) override { return {0, Next::bad_file}; }
  size_t held() const override { return 0; }
  Next say_end() override;
  bool is_bare() const override { return false; }

 private:
  Next next_after(int result);
  std::shared_ptr<Spoken> spoken_;
};

Next TlsClient::Stream::next_after(int result) {
  switch (SSL_get_error(spoken_->ssl, result)) {
    case SSL_ERROR_WANT_READ: return Next::readable;
    case SSL_ERROR_WANT_WRITE: return Next::writable;
    case SSL_ERROR_ZERO_RETURN: return Next::ended;
    default: break;
  }
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  spoken_->error = reason == nullptr ? "the connection is gone" : reason;
  return Next::failed;
}

proxy::ByteStream::Moved TlsClient::Stream::receive(std::span<char> into) {
  Moved moved;
  while (moved.bytes < into.size() && moved.next == Next::now) {
    size_t count = 0;
    ERR_clear_error();
    const int result =
        SSL_read_ex(spoken_->ssl, into.data() + moved.bytes, into.size() - moved.bytes, &count);
    moved.bytes += count;
    if (result != 1) moved.next = next_after(result);
  }
  return moved;
}

proxy::ByteStream::Moved TlsClient::Stream::send(Parts parts, More) {
  std::string record;
  for (const auto part : parts)
    record += part.substr(0, kRecordBytes - std::min(record.size(), kRecordBytes));
  if (record.empty()) return {};
  size_t count = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(spoken_->ssl, record.data(), record.size(), &count);
  return {count, result == 1 ? Next::now : next_after(result)};
}

Next TlsClient::Stream::say_end() {
  ERR_clear_error();
  SSL_shutdown(spoken_->ssl);
  return Next::now;
}

void TlsClient::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsClient::Free::operator()(ssl_session_st* session) const { SSL_SESSION_free(session); }

TlsClient::TlsClient(const TlsClientSettings& settings) : context_(SSL_CTX_new(TLS_client_method())) {
  auto* const context = context_.get();
  check(context != nullptr, "no context");
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // For versions that are too old.
  check(SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0") == 1, "ciphers");
  const int version_min = settings.version != 0 ? settings.version : TLS1_2_VERSION;
  check(SSL_CTX_set_min_proto_version(context, version_min) == 1, "version");
  check(SSL_CTX_set_max_proto_version(context, settings.version) == 1, "version");
  if (!settings.ca_file.empty()) {
    check(SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) == 1, "CA");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!settings.certificate.empty()) {
    check(SSL_CTX_use_certificate_file(context, settings.certificate.c_str(), SSL_FILETYPE_PEM) == 1, "own");
    check(SSL_CTX_use_PrivateKey_file(context, settings.key.c_str(), SSL_FILETYPE_PEM) == 1, "own key");
  }
  for (const auto& one : settings.protocols) offered_ += static_cast<char>(one.size()) + one;
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
    static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->ticket_.reset(session);
    return 1;  // it is ours now
  });
}

TlsClient::~TlsClient() = default;

RawClient::Speech TlsClient::speech() {
  return [this](int fd) { return speak(fd); };
}

std::unique_ptr<proxy::ByteStream> TlsClient::speak(int fd) {
  last_ = std::make_shared<Spoken>(SSL_new(context_.get()));
  SSL* const ssl = last_->ssl;
  check(ssl != nullptr && SSL_set_fd(ssl, fd) == 1, "no SSL");
  if (!offered_.empty())
    check(SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(offered_.data()),
                              static_cast<unsigned>(offered_.size())) == 0,
          "ALPN");
  if (resumes_ && ticket_ != nullptr) SSL_set_session(ssl, ticket_.get());
  SSL_set_connect_state(ssl);
  ERR_clear_error();
  SSL_do_handshake(ssl);  // sends the hello
  return std::make_unique<Stream>(last_);
}

std::string TlsClient::version() const { return SSL_get_version(last_->ssl); }

std::string TlsClient::protocol() const {
  const unsigned char* chosen = nullptr;
  unsigned int bytes = 0;
  SSL_get0_alpn_selected(last_->ssl, &chosen, &bytes);
  return {reinterpret_cast<const char*>(chosen), bytes};
}

std::string TlsClient::server_subject() const {
  X509* const certificate = SSL_get0_peer_certificate(last_->ssl);
  if (certificate == nullptr) return {};
  char text[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return text;
}

bool TlsClient::is_resumed() const { return SSL_session_reused(last_->ssl) == 1; }
std::string TlsClient::error() const { return last_->error; }

void TlsClient::send_raw(std::string_view bytes) {
  const auto sent = ::send(SSL_get_fd(last_->ssl), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  check(sent == static_cast<ssize_t>(bytes.size()), "the kernel took too little");
}

void TlsClient::ask_for_new_keys() {
  check(SSL_key_update(last_->ssl, SSL_KEY_UPDATE_REQUESTED) == 1, "no new keys");
}

std::string TlsClient::hello() {
  TlsClient client;
  const Spoken spoken(SSL_new(client.context_.get()));
  BIO* const sent = BIO_new(BIO_s_mem());
  SSL_set_bio(spoken.ssl, BIO_new(BIO_s_mem()), sent);
  SSL_set_connect_state(spoken.ssl);
  SSL_do_handshake(spoken.ssl);
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(sent, &bytes);
  return {bytes, static_cast<size_t>(count)};
}

}  // namespace breakwater::test
