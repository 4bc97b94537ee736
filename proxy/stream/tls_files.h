// What a listener needs for TLS, read from its files: the certificate with those that sign it, the key, and
// the CAs of clients. Reading blocks; any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/base/result.h"

struct ssl_ctx_st;

namespace breakwater::proxy {

struct TlsSettings {
  std::string certificate;     // a file of PEM: the server's own first, then those that sign it
  std::string key;             // a file of PEM, not encrypted
  std::string client_ca = {};  // a file of PEM; "": clients are asked for no certificate

  bool operator==(const TlsSettings&) const = default;
};

struct FreeTlsContext {
  void operator()(ssl_ctx_st* context) const;
};
using OwnedTlsContext = std::unique_ptr<ssl_ctx_st, FreeTlsContext>;

// By which a file that was written anew or replaced is noticed; a symbolic link is followed.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = -1;  // -1: there is no file
  int64_t changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
using TlsFileStamps = std::vector<FileStamp>;
TlsFileStamps stamps_of(const TlsSettings& settings);

// A context for servers: TLS 1.2 and 1.3, "http/1.1" by ALPN, tickets for later connections, no
// renegotiation. With a client_ca a client must show a certificate that one of those has signed. The error is
// `invalid`; it names the file and says what to do about it.
[[nodiscard]] Result<OwnedTlsContext> read_tls_files(const TlsSettings& settings);

}  // namespace breakwater::proxy
