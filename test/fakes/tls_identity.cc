#include "test/fakes/tls_identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace breakwater::test {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;

void add_extension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  if (extension == nullptr) throw std::runtime_error("cannot make a certificate");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate self_signed(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24 * 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1,IP:127.0.0.2");
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0)
    throw std::runtime_error("cannot sign a certificate");
  return certificate;
}

std::string write_to_file(X509* certificate) {
  char path[] = "/tmp/breakwater-test-ca-XXXXXX";
  int fd = mkstemp(path);
  FILE* file = fd < 0 ? nullptr : fdopen(fd, "w");
  if (file == nullptr) throw std::runtime_error("cannot write a certificate");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  return path;
}

}  // namespace

void TlsIdentity::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

TlsIdentity::TlsIdentity() : context_(SSL_CTX_new(TLS_server_method())) {
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate = self_signed(key.get());
  SSL_CTX_use_certificate(context_.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context_.get(), key.get());
  ca_file_ = write_to_file(certificate.get());
}

TlsIdentity::~TlsIdentity() { unlink(ca_file_.c_str()); }

}  // namespace breakwater::test
