#include "proxy/upstream/ca_file.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <fstream>
#include <memory>

namespace breakwater::proxy {
namespace {

struct FreeStore {
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
};

}  // namespace

Result<> check_ca_file(const std::string& path) {
  std::ifstream file(path);
  if (!file || file.peek() == std::ifstream::traits_type::eof())
    return failure(Error::Kind::invalid, path + " cannot be read, or is empty");
  const std::unique_ptr<X509_STORE, FreeStore> store(X509_STORE_new());
  const bool loaded = X509_STORE_load_locations(store.get(), path.c_str(), nullptr) == 1;
  ERR_clear_error();
  if (loaded) return {};
  return failure(Error::Kind::invalid,
                 path + " holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")");
}

}  // namespace breakwater::proxy
