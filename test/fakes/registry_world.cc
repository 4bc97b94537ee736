#include "test/fakes/registry_world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>
#include <utility>

#include "proxy/loop/buffers.h"
#include "proxy/loop/workers.h"
#include "routes/access/own_tokens.h"
#include "routes/access/passes.h"
#include "routes/access/password_line.h"
#include "routes/access/token_text.h"
#include "routes/access/users.h"
#include "routes/oci/manifest_cache.h"
#include "routes/ops/history.h"
#include "routes/ops/metrics.h"
#include "routes/router.h"
#include "store/access/access_tokens.h"
#include "store/blobs/blobs.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/catalog/store_clock.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/run.h"

namespace breakwater::test {

struct RegistryWorld::Running {
  explicit Running(RegistryWorld& world)
      : workers(world.loop, 2),
        readers(world.loop, 2),
        buffers(world.loop, world.buffer_bytes_max),
        clients({world.loop, buffers, world.files.log, world.client_limits,
                 [this](auto route, auto share) { metrics.of(std::string(route)).refused(share); }}),
        history(world.loop, *world.files.store, world.files.log),
        manifests(16 << 20),
        replies(world.loop, buffers),
        registry(routes::RegistryParts(world.loop, workers, readers, workers, buffers, *world.files.store,
                                       manifests, replies, world.files.store->clock(), world.files.log,
                                       world.changes),
                 world.settings),
        namespaces(&registry, {access_of(world), "", {}}, nullptr),
        password_line(world.loop),
        users(users_of(world)),
        own_tokens(world.files.store->access_tokens(), [] { return std::nullopt; }),
        passes(routes::Seal(store::Secret(std::string(routes::Seal::kKeyBytes, 'k'))), users.get(),
               own_tokens, world.files.store->clock()),
        authenticator(users.get(), {&own_tokens, &passes}),
        router(world.loop, router_settings(world), namespaces, metrics, world.files.log,
               {&history, nullptr, world.audit}),
        server(std::make_unique<proxy::HttpServer>(world.loop, workers, buffers, world.files.disk,
                                                   world.files.log, world.server_settings, router.route(),
                                                   proxy::HttpServer::Shares{nullptr, &clients})) {
    address = server->listen("127.0.0.1:0").value();
  }

  static routes::SharedAccess access_of(const RegistryWorld& world) {
    auto access = world.access;
    access.route = world.settings.route;
    return std::make_shared<const routes::RouteAccess>(std::move(access));
  }

  std::unique_ptr<routes::Users> users_of(RegistryWorld& world) {
    if (world.htpasswd.empty()) return nullptr;
    const routes::UsersSettings settings{world.write_users(world.htpasswd), world.groups};
    return std::make_unique<routes::Users>(world.loop, workers, password_line, world.files.store->clock(),
                                           world.files.log, settings);
  }

  routes::RouterSettings router_settings(const RegistryWorld& world) {
    routes::RouterSettings settings(world.settings.route);
    settings.writable = true;
    settings.authenticator = &authenticator;
    settings.passes = &passes;
    return settings;
  }

  proxy::Workers workers;
  proxy::Workers readers;
  proxy::Buffers buffers;
  proxy::Clients clients;
  routes::Metrics metrics;
  routes::History history;
  routes::ManifestCache manifests;
  routes::ReplyRoom replies;
  routes::PrivateRegistry registry;
  routes::Namespaces namespaces;
  routes::PasswordLine password_line;
  std::unique_ptr<routes::Users> users;
  routes::OwnTokens own_tokens;
  routes::Passes passes;
  routes::Authenticator authenticator;
  routes::Router router;
  std::unique_ptr<proxy::HttpServer> server;
  std::string address;
};

RegistryWorld::RegistryWorld() { settings.route = "private"; }

RegistryWorld::~RegistryWorld() { stop(); }

void RegistryWorld::start() {
  if (running_) return;
  auto opened = files.open();
  if (!opened) throw std::runtime_error(opened.error().message);
  running_ = std::make_unique<Running>(*this);
}

void RegistryWorld::stop() {
  if (!running_) return;
  stop_serving();
  CHECK(store().budget().whole().reserved == 0);
  check_partials();
  files.store.reset();
}

Result<> RegistryWorld::write_history() {
  settle();
  return run(loop, running_->history.flush(running_->workers));
}

void RegistryWorld::crash() {
  files.disk.stop();
  stop_serving();
  files.crash();
}

void RegistryWorld::stop_serving() {
  line_.reset();
  running_->server.reset();
  CHECK(running_->router.requests_running() == 0);
  CHECK(running_->buffers.units() == 0);
  running_.reset();
  run_some_turns(loop);  // what the workers had posted may hold a partial
}

void RegistryWorld::check_partials() {
  const auto sessions = store().catalog().queues().upload_ids();
  const auto partials = store().parts().files.partials();
  REQUIRE(sessions);
  REQUIRE(partials);
  const std::set<std::string> living(sessions->begin(), sessions->end());
  for (const auto& partial : *partials) {
    CAPTURE(partial.id);
    CHECK(living.contains(partial.id));
  }
}

// --- names

std::string RegistryWorld::write_users(const std::string& text) {
  const auto file = files.folder.path() / "users";
  std::ofstream(file) << text;
  return file;
}

std::string RegistryWorld::make_token(const std::string& name, std::vector<std::string> may,
                                      std::vector<std::string> repositories,
                                      std::optional<store::Time::duration> lifetime) {
  start();
  const store::Secret text = routes::new_token();
  REQUIRE(store().access_tokens().create(routes::digest_of_token(text.view()),
                                         {name, std::move(may), std::move(repositories), "uid 0", lifetime}));
  return std::string(text.view());
}

void RegistryWorld::change_users(const std::string& text) {
  write_users(text);
  run(loop, running_->users->look());
}

// --- asking

std::string request_text(std::string_view method, std::string_view target, const proxy::Headers& headers,
                         std::string_view body) {
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: registry\r\n";
  for (const auto& header : headers) text += header.name + ": " + header.value + "\r\n";
  const bool may_have_body = method == "POST" || method == "PUT" || method == "PATCH";
  if (may_have_body && !headers.find("Transfer-Encoding") && !headers.find("Content-Length")) {
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + std::string(body);
}

std::string chunked(std::string_view body, size_t piece) {
  std::string text;
  for (; !body.empty(); body.remove_prefix(std::min(piece, body.size()))) {
    const auto chunk = body.substr(0, piece);
    char length[20];
    std::snprintf(length, sizeof length, "%zx\r\n", chunk.size());
    text.append(length).append(chunk).append("\r\n");
  }
  return text + "0\r\n\r\n";
}

namespace {

// The body that came in chunks, as far as it came.
std::string joined(std::string_view chunks) {
  std::string body;
  while (!chunks.empty()) {
    const size_t end = chunks.find("\r\n");
    const size_t bytes = std::stoull(std::string(chunks.substr(0, end)), nullptr, 16);
    if (bytes == 0) break;
    body += chunks.substr(end + 2, bytes);
    chunks.remove_prefix(std::min(chunks.size(), end + 2 + bytes + 2));
  }
  return body;
}

}  // namespace

Reply reply_of(const std::string& text) {
  Reply reply;
  const size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) return reply;
  reply.status = std::atoi(text.c_str() + 9);
  for (size_t at = text.find("\r\n") + 2; at < end; at = text.find("\r\n", at) + 2) {
    const size_t colon = text.find(": ", at);
    reply.headers.add(text.substr(at, colon - at),
                      text.substr(colon + 2, text.find("\r\n", colon) - colon - 2));
  }
  reply.body = text.substr(end + 4);
  if (reply["Transfer-Encoding"] == "chunked") reply.body = joined(reply.body);
  return reply;
}

bool Reply::says(std::string_view code) const {
  return (*this)["Content-Type"] == routes::kJson &&
         body.starts_with(R"({"errors":[{"code":")" + std::string(code) + R"(","message":)");
}

Reply RegistryWorld::ask(std::string_view method, std::string_view target, const proxy::Headers& headers,
                         std::string_view body) {
  start();
  if (!line_ || line_->ended()) line_ = connect();
  line_->send(request_text(method, target, headers, body));
  auto reply = reply_of(method == "HEAD" ? line_->receive_reply_to_head() : line_->receive_reply());
  CHECK(reply["X-Content-Type-Options"] == "nosniff");
  if (reply["Connection"] == "close") line_.reset();
  return reply;
}

Reply RegistryWorld::patch_streamed(std::string_view target, std::string_view body) {
  return patch(target, chunked(body), {{"Transfer-Encoding", "chunked"}});
}

std::unique_ptr<RawClient> RegistryWorld::connect(size_t receive_window) {
  start();
  return std::make_unique<RawClient>(loop, running_->address, receive_window);
}

// --- pushing

std::string RegistryWorld::begin_upload(std::string_view repository, std::string_view query) {
  const auto begun = post(uploads_path(repository) + std::string(query));
  CHECK(begun.status == 202);
  return std::string(begun["Location"]);
}

Descriptor RegistryWorld::push_blob(std::string_view repository, const std::string& content,
                                    std::string_view media_type, store::Algorithm algorithm) {
  const auto digest = store::digest_of(algorithm, content);
  CHECK(put(with_digest(begin_upload(repository), digest), content).status == 201);
  return Descriptor(media_type, digest, content.size());
}

Reply RegistryWorld::put_manifest(std::string_view repository, std::string_view reference,
                                  const std::string& text, std::string_view media_type) {
  proxy::Headers headers;
  if (!media_type.empty()) headers.add("Content-Type", std::string(media_type));
  return put(manifest_path(repository, reference), text, headers);
}

Descriptor RegistryWorld::push_manifest(std::string_view repository, std::string_view reference,
                                        const MadeManifest& manifest) {
  const auto text = manifest.text();
  const auto pushed = put_manifest(repository, reference, text, manifest.media_type);
  CHECK(pushed.status == 201);
  const auto digest = store::Digest::parse(pushed["Docker-Content-Digest"]);
  REQUIRE(digest);
  return Descriptor(manifest.media_type, *digest, text.size());
}

MadeManifest RegistryWorld::made_image(std::string_view repository, uint32_t seed,
                                       store::Algorithm algorithm) {
  MadeManifest image;
  image.config = push_blob(repository, R"({"made":)" + std::to_string(seed) + "}", kConfigType, algorithm);
  image.layers.push_back(push_blob(repository, content_of(5000, seed), kLayerType, algorithm));
  return image;
}

Descriptor RegistryWorld::push_image(std::string_view repository, std::string_view reference, uint32_t seed) {
  return push_manifest(repository, reference, made_image(repository, seed));
}

// --- looking

routes::PrivateRegistry& RegistryWorld::registry() {
  start();
  return running_->registry;
}

std::string RegistryWorld::metrics() { return running_->metrics.text(); }
bool RegistryWorld::has_file(const store::Digest& digest) {
  return std::filesystem::exists(store().parts().files.path_of(digest));
}
uint64_t RegistryWorld::buffered_bytes() const { return running_->buffers.units(); }
size_t RegistryWorld::requests_running() const { return running_->router.requests_running(); }

void RegistryWorld::settle() {
  run_some_turns(loop);
  const auto& workers = running_->workers;  // they may still be at what nobody waits for any more
  run_until(loop, [&] {
    return running_->router.requests_running() == 0 && workers.queued() == 0 && workers.running() == 0;
  });
  run_some_turns(loop);
}

void RegistryWorld::sweep() {
  auto swept = run(loop, registry().sweep());
  CHECK(swept);
}

// --- paths

std::string blob_path(std::string_view repository, const store::Digest& digest) {
  return "/v2/" + std::string(repository) + "/blobs/" + digest.text();
}
std::string manifest_path(std::string_view repository, std::string_view reference) {
  return "/v2/" + std::string(repository) + "/manifests/" + std::string(reference);
}
std::string uploads_path(std::string_view repository) {
  return "/v2/" + std::string(repository) + "/blobs/uploads/";
}

std::string with_digest(std::string_view location, const store::Digest& digest) {
  const char separator = location.find('?') == std::string_view::npos ? '?' : '&';
  return std::string(location) + separator + "digest=" + proxy::percent_encode(digest.text());
}

}  // namespace breakwater::test
