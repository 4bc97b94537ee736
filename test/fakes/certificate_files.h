// Certificates and keys of their own making, in files, as an operator has them. The folder is gone with the
// object.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace breakwater::test {

class CertificateFiles {
 public:
  CertificateFiles();
  ~CertificateFiles();
  CertificateFiles(const CertificateFiles&) = delete;
  CertificateFiles& operator=(const CertificateFiles&) = delete;

  // Writes a key and a certificate for it, valid for so many seconds from now on, for the address 127.0.0.1
  // and the subject "CN=<name>". Signed by the key of `signer`, which must have been made; "": by its own. It
  // replaces the files that were made with this name before, as whoever renews certificates does.
  void make(const std::string& name, const std::string& signer = "", long valid_s = 86'400);

  std::string certificate(const std::string& name) const { return path(name + ".pem"); }
  std::string key(const std::string& name) const { return path(name + ".key"); }
  std::string path(const std::string& file) const { return (folder_ / file).string(); }
  void write(const std::string& file, const std::string& text) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
    void operator()(x509_st* certificate) const;
  };
  struct Made {
    std::unique_ptr<evp_pkey_st, Free> key;
    std::unique_ptr<x509_st, Free> certificate;
  };

  std::filesystem::path folder_;
  std::map<std::string, Made> made_;
};

}  // namespace breakwater::test
