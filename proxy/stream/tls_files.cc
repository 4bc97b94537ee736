#include "proxy/stream/tls_files.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr std::string_view kProtocol = "http/1.1";
// Of TLS 1.2: what has forward secrecy and is authenticated encryption. TLS 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// Tickets are only good for servers that say the same. What they are sealed with is the context's own, so a
// ticket does not outlive its CAs.
constexpr std::array<unsigned char, 10> kSessionsOf = {'b', 'r', 'e', 'a', 'k', 'w', 'a', 't', 'e', 'r'};

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

// What OpenSSL says of its failure, for a message; it has forgotten it afterwards.
std::string take_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

tl::unexpected<Error> wrong(const std::string& file, const std::string& what) {
  return failure(Error::Kind::invalid, file + " " + what);
}

// A terminal must never be asked for the password of a key.
int no_password(char*, int, int, void*) { return -1; }

class OpenFile {
 public:
  // Whatever it is: a FIFO must not keep us waiting.
  explicit OpenFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

struct ReadFile {
  std::string text;
  mode_t mode = 0;
};

Result<ReadFile> read_file(const std::string& path) {
  const OpenFile file(path);
  struct stat status {};
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0)
    return wrong(path, "cannot be read: " + std::generic_category().message(errno) +
                           "; it has to be there, and readable for the user that this process runs as");
  if (!S_ISREG(status.st_mode)) return wrong(path, "is no file");
  if (static_cast<uint64_t>(status.st_size) > kFileBytesMax) return wrong(path, "is longer than 1 MiB");
  ReadFile read{std::string(static_cast<size_t>(status.st_size), '\0'), status.st_mode};
  const ssize_t count = pread(file.fd(), read.text.data(), read.text.size(), 0);
  if (count < 0) return wrong(path, "cannot be read: " + std::generic_category().message(errno));
  read.text.resize(static_cast<size_t>(count));
  return read;
}

Result<std::vector<Certificate>> read_certificates(const std::string& path) {
  auto file = read_file(path);
  if (!file) return failure(file.error());
  const Bio bio(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
  std::vector<Certificate> certificates;
  while (Certificate one{PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)})
    certificates.push_back(std::move(one));
  const auto error = ERR_peek_last_error();
  const bool is_at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  const std::string reason = take_reason();
  if (certificates.empty() && is_at_end)
    return wrong(path, "holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")");
  if (!is_at_end) return wrong(path, "holds a certificate that cannot be understood: " + reason);
  return certificates;
}

Result<Key> read_key(const std::string& path) {
  auto file = read_file(path);
  if (!file) return failure(file.error());
  if ((file->mode & S_IRWXO) != 0)
    return wrong(path,
                 "is open to every user of this machine: take that away with \"chmod o= " + path + "\"");
  const Bio bio(BIO_new_mem_buf(file->text.data(), static_cast<int>(file->text.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  OPENSSL_cleanse(file->text.data(), file->text.size());
  if (key == nullptr)
    return wrong(path,
                 "holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\"), or one that is encrypted: "
                 "decrypt it with \"openssl pkey\"");
  return key;
}

std::string text_of(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(count)};
}

// Takes the "http/1.1" that a client offers, or refuses it: one that wants nothing but HTTP/2 would
// understand no answer. A client that offers nothing is served.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned int offered_bytes, void*) {
  for (unsigned int at = 0; at < offered_bytes; at += 1U + offered[at]) {
    const std::string_view one(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (one != kProtocol) continue;
    *chosen = offered + at + 1;
    *chosen_bytes = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

OwnedTlsContext make_context() {
  OwnedTlsContext context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_cipher_list(context.get(), kCiphers);
  // An end of the connection without TLS's own is as good: HTTP says where a request ends.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_ENABLE_KTLS | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                         SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Clients keep their tickets; this process keeps nothing for them.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // One for each connection: each is made and encrypted in the handshake, and clients use one.
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_session_id_context(context.get(), kSessionsOf.data(), kSessionsOf.size());
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

Result<> use_certificate(ssl_ctx_st* context, const std::string& path) {
  auto certificates = read_certificates(path);
  if (!certificates) return failure(certificates.error());
  X509* const own = certificates->front().get();
  const ASN1_TIME* const end = X509_get0_notAfter(own);
  if (X509_cmp_current_time(end) < 0)
    return wrong(path, "holds a certificate that expired on " + text_of(end) + ": have it renewed");
  if (SSL_CTX_use_certificate(context, own) != 1)
    return wrong(path, "holds a certificate that cannot be used: " + take_reason());
  for (size_t i = 1; i < certificates->size(); ++i)
    SSL_CTX_add1_chain_cert(context, (*certificates)[i].get());
  return {};
}

Result<> use_key(ssl_ctx_st* context, const TlsSettings& settings) {
  const auto key = read_key(settings.key);
  if (!key) return failure(key.error());
  const bool fits = X509_check_private_key(SSL_CTX_get0_certificate(context), key->get()) == 1;
  ERR_clear_error();
  if (!fits)
    return wrong(settings.key, "is not the key of the certificate in " + settings.certificate +
                                   ": the two are made together, and are replaced together");
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return wrong(settings.key, "holds a key that cannot be used: " + take_reason());
  return {};
}

Result<> use_client_ca(ssl_ctx_st* context, const std::string& path) {
  const auto certificates = read_certificates(path);
  if (!certificates) return failure(certificates.error());
  for (const auto& one : *certificates) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
    SSL_CTX_add_client_CA(context, one.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  const int64_t changed_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  return {status.st_dev, status.st_ino, status.st_size, changed_ns};
}

}  // namespace

void FreeTlsContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsFileStamps stamps_of(const TlsSettings& settings) {
  TlsFileStamps stamps;
  for (const auto* path : {&settings.certificate, &settings.key, &settings.client_ca}) {
    if (!path->empty()) stamps.push_back(stamp_of(*path));
  }
  return stamps;
}

Result<OwnedTlsContext> read_tls_files(const TlsSettings& settings) {
  ERR_clear_error();
  auto context = make_context();
  if (auto used = use_certificate(context.get(), settings.certificate); !used) return failure(used.error());
  if (auto used = use_key(context.get(), settings); !used) return failure(used.error());
  if (settings.client_ca.empty()) return context;
  if (auto used = use_client_ca(context.get(), settings.client_ca); !used) return failure(used.error());
  return context;
}

}  // namespace breakwater::proxy
