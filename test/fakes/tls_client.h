// The client's side of TLS, by OpenSSL and nothing of ours, for RawClients:
//
//   TlsClient tls(settings);
//   RawClient client(loop, address, 0, tls.speech());
//
// What it can be asked for is of the connection that was made last. An end of the connection without TLS's
// own fails the RawClient: was_reset().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/fakes/raw_client.h"

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace breakwater::test {

struct TlsClientSettings {
  std::string ca_file = {};                 // "": any server is trusted
  std::vector<std::string> protocols = {};  // offered by ALPN
  int version = 0;                          // of TLS, as OpenSSL has it; 0: 1.2 or 1.3
  std::string certificate = {};
  std::string key = {};
};

class TlsClient {
 public:
  explicit TlsClient(const TlsClientSettings& settings = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  RawClient::Speech speech();
  void resume() { resumes_ = true; }  // From now on with the ticket that came last.

  std::string version() const;         // "TLSv1.3"
  std::string protocol() const;        // chosen by ALPN; "" for none
  std::string server_subject() const;  // "test"
  bool is_resumed() const;
  std::string error() const;  // what OpenSSL said when it failed
  void send_raw(std::string_view bytes);
  void ask_for_new_keys();  // With what is sent next, TLS 1.3 changes keys both ways.

  // What a client sends first.
  static std::string hello();

 private:
  class Stream;
  struct Spoken;
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_session_st* session) const;
  };
  std::unique_ptr<proxy::ByteStream> speak(int fd);

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unique_ptr<ssl_session_st, Free> ticket_;
  bool resumes_ = false;
  std::string offered_;
  std::shared_ptr<Spoken> last_;
};

}  // namespace breakwater::test
