// The private registry, in one process with the test and on one Loop: everything that serves a request is
// real but the disk's faults, the clock and the log.
//
//   RegistryWorld world;
//   auto layer = world.push_blob("app", content_of(1 << 20, 7));
//   CHECK(world.get("/v2/app/blobs/" + layer.digest.text()).status == 200);
//
// Requests go over one connection, one after the other, so that a reply that leaves it out of step is seen by
// the next. stop() and start() are a restart on the same data. Each stop checks that nothing is left: no
// Task, no reservation, no buffered byte, and in incoming/ only what a living session has received.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/clients/clients.h"
#include "proxy/http/http.h"
#include "proxy/server/http_server.h"
#include "routes/access/authorize.h"
#include "routes/ops/audit.h"
#include "routes/registry/private_registry.h"
#include "routes/registry/registry_changes.h"
#include "test/fakes/made_manifest.h"
#include "test/fakes/raw_client.h"
#include "test/fakes/store_world.h"

namespace breakwater::test {

// The answer to a request; status 0 if there was none.
struct Reply {
  int status = 0;
  proxy::Headers headers;
  std::string body;
  std::string_view operator[](std::string_view header) const { return headers.get(header); }
  bool has(std::string_view header) const { return headers.find(header) != nullptr; }
  // Whether it is OCI's JSON with this code: "BLOB_UNKNOWN".
  bool says(std::string_view code) const;
};
Reply reply_of(const std::string& text);

class RegistryWorld {
 public:
  RegistryWorld();
  ~RegistryWorld();

  // --- before start(); the first request starts the world if nobody did
  routes::PrivateRegistrySettings settings;
  routes::RouteAccess access;
  std::string htpasswd;  // its users; "": there is no file of them
  std::map<std::string, std::vector<std::string>> groups;
  proxy::ServerSettings server_settings;
  uint64_t buffer_bytes_max = 128 << 20;
  proxy::ClientLimits client_limits;
  routes::RegistryChanges* changes = nullptr;  // who is told of what clients change, if anybody is
  routes::Audit* audit = nullptr;              // and of what was refused

  StoreWorld files;  // folder, disk, clock, log and store settings
  proxy::Loop loop;

  void start();
  void stop();
  void crash();  // and nothing is orderly

  // --- asking
  Reply ask(std::string_view method, std::string_view target, const proxy::Headers& headers = {},
            std::string_view body = {});
  Reply get(std::string_view target, const proxy::Headers& headers = {}) {
    return ask("GET", target, headers);
  }
  Reply head(std::string_view target, const proxy::Headers& headers = {}) {
    return ask("HEAD", target, headers);
  }
  Reply remove(std::string_view target) { return ask("DELETE", target); }
  Reply post(std::string_view target, std::string_view body = {}, const proxy::Headers& headers = {}) {
    return ask("POST", target, headers, body);
  }
  Reply put(std::string_view target, std::string_view body = {}, const proxy::Headers& headers = {}) {
    return ask("PUT", target, headers, body);
  }
  Reply patch(std::string_view target, std::string_view body, const proxy::Headers& headers = {}) {
    return ask("PATCH", target, headers, body);
  }
  // Without a length, in chunks of HTTP, as dockerd's classic store does.
  Reply patch_streamed(std::string_view target, std::string_view body);
  std::unique_ptr<RawClient> connect(size_t receive_window = 0);

  // --- names
  // A token of `may` in `repositories`: its text.
  std::string make_token(const std::string& name, std::vector<std::string> may,
                         std::vector<std::string> repositories,
                         std::optional<store::Time::duration> lifetime = std::nullopt);
  // The file of users is another one now, and has been read.
  void change_users(const std::string& text);

  // --- pushing; each checks that it is answered 201
  std::string begin_upload(std::string_view repository, std::string_view query = {});  // its Location
  Descriptor push_blob(std::string_view repository, const std::string& content,
                       std::string_view media_type = kLayerType,
                       store::Algorithm algorithm = store::Algorithm::sha256);
  Reply put_manifest(std::string_view repository, std::string_view reference, const std::string& text,
                     std::string_view media_type = routes::kOciManifest);
  Descriptor push_manifest(std::string_view repository, std::string_view reference,
                           const MadeManifest& manifest);
  // An image of one config and one layer, made from `seed`.
  MadeManifest made_image(std::string_view repository, uint32_t seed,
                          store::Algorithm algorithm = store::Algorithm::sha256);
  Descriptor push_image(std::string_view repository, std::string_view reference, uint32_t seed);

  // --- looking
  routes::PrivateRegistry& registry();
  store::Store& store() { return *files.store; }
  FakeClock& clock() { return files.clock; }
  FakeLog& log() { return files.log; }
  std::string metrics();
  bool has_file(const store::Digest& digest);
  size_t partial_files() { return files.files_in("incoming"); }
  uint64_t buffered_bytes() const;
  size_t requests_running() const;
  // Runs until no request is served any more, and every worker has done what it was given.
  void settle();
  void sweep();  // the route's upkeep
  // What was counted is in the store from now on.
  Result<> write_history();

 private:
  struct Running;
  std::string write_users(const std::string& text);  // the file's path
  void stop_serving();
  void check_partials();

  std::unique_ptr<Running> running_;
  std::unique_ptr<RawClient> line_;
};

std::string blob_path(std::string_view repository, const store::Digest& digest);
std::string manifest_path(std::string_view repository, std::string_view reference);
std::string uploads_path(std::string_view repository);
// A Location with one more parameter, as clients write it.
std::string with_digest(std::string_view location, const store::Digest& digest);
// The text of one request, with Content-Length if there is a body.
std::string request_text(std::string_view method, std::string_view target, const proxy::Headers& headers = {},
                         std::string_view body = {});
// `body` in HTTP's chunks.
std::string chunked(std::string_view body, size_t piece = 32768);

}  // namespace breakwater::test
