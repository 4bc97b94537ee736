// A key and a certificate of its own making for the addresses 127.0.0.1 and 127.0.0.2, and a file by which a
// client can trust it. Gone with the object.
#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace breakwater::test {

class TlsIdentity {
 public:
  TlsIdentity();
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  ssl_ctx_st* context() const { return context_.get(); }  // for servers
  const std::string& ca_file() const { return ca_file_; }

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string ca_file_;
};

}  // namespace breakwater::test
