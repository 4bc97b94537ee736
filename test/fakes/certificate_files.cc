#include "test/fakes/certificate_files.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace breakwater::test {
namespace {

void add_extension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  if (extension == nullptr) throw std::runtime_error("cannot make a certificate");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void set_name(X509_NAME* name, const std::string& text) {
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text.c_str()),
                             -1, -1, 0);
}

void fill_in(X509* certificate, const std::string& name, long valid_s) {
  static long serial = 0;
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
  set_name(X509_get_subject_name(certificate), name);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1");
}

// Beside the file that is there, and then in its place: whoever reads sees the one or the other.
template <class Write>
void replace(const std::string& path, const Write& write) {
  const std::string fresh = path + ".new";
  FILE* file = std::fopen(fresh.c_str(), "w");
  if (file == nullptr) throw std::runtime_error("cannot write " + fresh);
  write(file);
  std::fclose(file);
  std::filesystem::permissions(fresh, std::filesystem::perms(0600));
  std::filesystem::rename(fresh, path);
}

std::filesystem::path make_folder() {
  std::string path = (std::filesystem::temp_directory_path() / "breakwater-certificates-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  return path;
}

}  // namespace

void CertificateFiles::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }
void CertificateFiles::Free::operator()(x509_st* certificate) const { X509_free(certificate); }

CertificateFiles::CertificateFiles() : folder_(make_folder()) {}

CertificateFiles::~CertificateFiles() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void CertificateFiles::make(const std::string& name, const std::string& signer, long valid_s) {
  Made fresh;
  fresh.key.reset(EVP_EC_gen("P-256"));
  fresh.certificate.reset(X509_new());
  X509* const certificate = fresh.certificate.get();
  fill_in(certificate, name, valid_s);
  X509_set_pubkey(certificate, fresh.key.get());
  const Made& by = signer.empty() ? fresh : made_.at(signer);
  X509_set_issuer_name(certificate, X509_get_subject_name(by.certificate.get()));
  if (X509_sign(certificate, by.key.get(), EVP_sha256()) == 0)
    throw std::runtime_error("cannot sign a certificate");
  replace(this->certificate(name), [&](FILE* file) { PEM_write_X509(file, certificate); });
  replace(key(name), [&](FILE* file) {
    PEM_write_PrivateKey(file, fresh.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  made_[name] = std::move(fresh);
}

void CertificateFiles::write(const std::string& file, const std::string& text) const {
  replace(path(file), [&](FILE* open) { std::fwrite(text.data(), 1, text.size(), open); });
}

}  // namespace breakwater::test
