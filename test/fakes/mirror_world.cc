#include "test/fakes/mirror_world.h"
#include "store/blobs/blobs.h"
#include "store/blobs/parts.h"
#include "store/catalog/store_clock.h"
#include "store/files/files.h"
#include "test/fakes/host_patterns.h"

#include <cassert>
#include <map>
#include <utility>

namespace breakwater::test {

using proxy::Task;

namespace {

routes::SharedAccess access_of(const MirrorWorld& world, const std::string& route) {
  routes::RouteAccess access;
  access.route = route;
  if (route == "ghcr") access.allow.networks = world.ghcr_allow;
  if (route == "dockerhub") access.rules = world.hub_rules;
  return std::make_shared<const routes::RouteAccess>(std::move(access));
}

}  // namespace

struct MirrorWorld::Served {
  Served(Running& world, MirrorWorld& settings, proxy::Upstreams& upstreams, const std::string& route,
         const std::string& registry);
  routes::Mirror mirror;
  routes::Namespaces namespaces;
  routes::Router router;
  proxy::HttpServer server;
  std::string address;
};

struct MirrorWorld::Running {
  explicit Running(MirrorWorld& world)
      : workers(world.loop, 2),
        history(world.loop, *world.files.store, world.files.log),
        ring(world.loop, world.files.clock),
        buffers(world.loop, world.buffer_bytes_max),
        clients({world.loop, buffers, world.files.log, world.client_limits,
                 [&world](auto route, auto share) {
                   world.refused.push_back(std::string(route) + " " + std::string(share));
                 }}),
        http_client(world.loop, world.http_client_settings),
        client(world.loop, proxy::HttpClientSettings()),
        manifests(16 << 20),
        replies(world.loop, buffers),
        hub_upstreams(upstreams_of(world, hub_settings(world))),
        ghcr_upstreams(upstreams_of(world, {world.ghcr_registry_client})),
        pass_through(world.loop, workers, buffers, world.files.disk, world.pass_through_settings),
        fills(world.loop, workers, workers, buffers, *world.files.store, world.files.log,
              world.fill_settings),
        hub(*this, world, *hub_upstreams, "dockerhub", "docker.io"),
        ghcr(*this, world, *ghcr_upstreams, "ghcr", "ghcr.io") {
    routes::RegistryNames names;
    names.routes = {{"docker.io", "dockerhub"}, {"ghcr.io", "ghcr"}};
    names.any.push_back({"any", {}});
    for (const auto& pattern : world.any_registries)
      names.any.front().registries.push_back(proxy::HostPattern::parse(pattern).value());
    directory.set_names(std::move(names));
    directory.add_any([this, &world](const std::string& registry) { return make_any(world, registry); },
                      access_of(world, "any"));
  }

  static std::vector<proxy::RegistryClientSettings> hub_settings(const MirrorWorld& world) {
    auto settings = world.further_registry_clients;
    settings.insert(settings.begin(), world.hub_registry_client);
    return settings;
  }

  std::unique_ptr<proxy::Upstreams> upstreams_of(MirrorWorld& world,
                                                 const std::vector<proxy::RegistryClientSettings>& settings) {
    proxy::Upstreams::Clients of_route;
    for (const auto& one : settings)
      of_route.push_back(std::make_unique<proxy::RegistryClient>(world.loop, http_client, world.files.clock,
                                                                 world.files.log, one));
    return std::make_unique<proxy::Upstreams>(world.loop, world.files.clock, world.upstreams_settings,
                                              std::move(of_route));
  }

  std::unique_ptr<routes::Mirror> make_any(MirrorWorld& world, const std::string& registry) {
    auto settings = world.ghcr_registry_client;
    settings.name = "any";
    settings.upstream = world.other.endpoint();
    any_upstreams.push_back(upstreams_of(world, {settings}));
    const routes::MirrorParts parts(world.loop, workers, workers, *world.files.store, fills, pass_through,
                                    buffers, *any_upstreams.back(), manifests, replies,
                                    world.files.store->clock(), world.files.log);
    auto mirror_settings = world.mirror_settings;
    mirror_settings.route = "any";
    mirror_settings.registry = registry;
    mirror_settings.kept_under = registry + "/";
    routes::count_upstreams(history, *any_upstreams.back(), "any", mirror_settings.kept_under);
    return std::make_unique<routes::Mirror>(parts, mirror_settings);
  }

  proxy::Workers workers;
  routes::History history;
  routes::RequestRing ring;
  proxy::Buffers buffers;
  proxy::Clients clients;
  proxy::HttpClient http_client;
  proxy::HttpClient client;
  routes::Metrics metrics;
  routes::ManifestCache manifests;
  routes::ReplyRoom replies;
  std::unique_ptr<proxy::Upstreams> hub_upstreams;
  std::unique_ptr<proxy::Upstreams> ghcr_upstreams;
  std::vector<std::unique_ptr<proxy::Upstreams>> any_upstreams;
  proxy::PassThrough pass_through;
  proxy::Fills fills;
  routes::RegistryDirectory directory;
  Served hub;
  Served ghcr;
};

MirrorWorld::Served::Served(Running& running, MirrorWorld& world, proxy::Upstreams& upstreams,
                            const std::string& route, const std::string& registry)
    : mirror(
          routes::MirrorParts(world.loop, running.workers, running.workers, *world.files.store, running.fills,
                              running.pass_through, running.buffers, upstreams, running.manifests,
                              running.replies, world.files.store->clock(), world.files.log),
          [&] {
            auto settings = world.mirror_settings;
            settings.route = route;
            settings.registry = registry;
            return settings;
          }()),
      namespaces(&mirror, {access_of(world, route), registry, {}}, &running.directory),
      router(world.loop, routes::RouterSettings(route), namespaces, running.metrics, world.files.log,
             {&running.history, &running.ring}),
      server(world.loop, running.workers, running.buffers, world.files.disk, world.files.log,
             proxy::ServerSettings(), router.route(), {nullptr, &running.clients}) {
  routes::count_upstreams(running.history, upstreams, route, "");
  running.directory.add(mirror, namespaces.self().access);
  auto bound = server.listen("127.0.0.1:0");
  assert(bound);
  address = *bound;
}

MirrorWorld::MirrorWorld() {
  hub_registry_client.name = "dockerhub";
  hub_registry_client.upstream = hub.endpoint();
  // Storage and realms of the tests are on other ports of loopback.
  hub_registry_client.allow_private = host_patterns({"127.0.0.1"});
  ghcr_registry_client.name = "ghcr";
  ghcr_registry_client.upstream = ghcr.endpoint();
  ghcr_registry_client.allow_private = hub_registry_client.allow_private;
  fill_settings.retry.delay_first_ms = 1;
  fill_settings.retry.delay_max_ms = 2;
  fill_settings.retry.patience_ms = 0;
  pass_through_settings.retry.patience_ms = 0;
}

MirrorWorld::~MirrorWorld() { stop(); }

void MirrorWorld::add_second() {
  auto settings = hub_registry_client;
  settings.upstream = second.endpoint();
  settings.credentials.reset();
  further_registry_clients.push_back(std::move(settings));
}

void MirrorWorld::start() {
  if (running_) return;
  auto opened = files.open();
  assert(opened);
  running_ = std::make_unique<Running>(*this);
}

void MirrorWorld::stop() {
  if (running_) {
    running_.reset();
    run_some_turns(loop);  // what the workers had posted may hold a partial
  }
  files.store.reset();
}

Task<> MirrorWorld::ask_into(proxy::HttpClientRequest request, Answer& answer) {
  auto reply = co_await running_->client.fetch(std::move(request), 1 << 30);
  if (!reply) co_return;
  answer.status = reply->head.status;
  answer.headers = reply->head.headers;
  answer.body = std::move(reply->body);
}

Answer MirrorWorld::ask(const std::string& method, const std::string& address, const std::string& target,
                        const proxy::Headers& headers) {
  proxy::HttpClientRequest request(method, "http://" + address + target);
  request.headers = headers;
  Answer answer;
  run(loop, ask_into(std::move(request), answer));
  return answer;
}

Answer MirrorWorld::get(const std::string& target, const proxy::Headers& headers) {
  start();
  return ask("GET", running_->hub.address, target, headers);
}

Answer MirrorWorld::head(const std::string& target, const proxy::Headers& headers) {
  start();
  return ask("HEAD", running_->hub.address, target, headers);
}

Answer MirrorWorld::get_from_ghcr(const std::string& target) {
  start();
  return ask("GET", running_->ghcr.address, target, proxy::Headers());
}

std::vector<Answer> MirrorWorld::get_at_once(const std::vector<std::string>& targets) {
  start();
  std::vector<Answer> answers(targets.size());
  proxy::Tasks tasks(loop);
  for (size_t i = 0; i < targets.size(); ++i) {
    tasks.spawn(ask_into(proxy::HttpClientRequest("GET", "http://" + running_->hub.address + targets[i]),
                         answers[i]));
  }
  run_until(loop, [&tasks] { return tasks.size() == 0; });
  return answers;
}

std::unique_ptr<RawClient> MirrorWorld::connect(size_t receive_window) {
  start();
  return std::make_unique<RawClient>(loop, running_->hub.address, receive_window);
}

void MirrorWorld::finish_fills() {
  run_until(loop, [this] { return running_->fills.idle(); });
}

proxy::Fills& MirrorWorld::fills() { return running_->fills; }

routes::Mirror& MirrorWorld::hub_mirror() {
  start();
  return running_->hub.mirror;
}

routes::History& MirrorWorld::history() { return running_->history; }
routes::RequestRing& MirrorWorld::ring() { return running_->ring; }
Result<> MirrorWorld::write_history() {
  finish_fills();
  run_until(loop, [this] {
    return running_->hub.router.requests_running() == 0 && running_->ghcr.router.requests_running() == 0;
  });
  return run(loop, running_->history.flush(running_->workers));
}

uint64_t MirrorWorld::buffered_bytes() const { return running_->buffers.units(); }

bool MirrorWorld::holds(const store::Digest& digest) {
  return std::filesystem::exists(store().parts().files.path_of(digest));
}

std::string image_of(const store::Digest& config, size_t config_size,
                     const std::vector<std::pair<store::Digest, size_t>>& layers) {
  std::string json =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
      config.text() + R"(","size":)" + std::to_string(config_size) + R"(},"layers":[)";
  for (size_t i = 0; i < layers.size(); ++i) {
    json += std::string(i > 0 ? "," : "") +
            R"({"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")" +
            layers[i].first.text() + R"(","size":)" + std::to_string(layers[i].second) + "}";
  }
  return json + "]}";
}

std::string index_of(const std::vector<std::pair<store::Digest, size_t>>& manifests) {
  std::string json =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)";
  for (size_t i = 0; i < manifests.size(); ++i) {
    json += std::string(i > 0 ? "," : "") +
            R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
            manifests[i].first.text() + R"(","size":)" + std::to_string(manifests[i].second) +
            R"(,"platform":{"os":"linux","architecture":"a)" + std::to_string(i) + R"("}})";
  }
  return json + "]}";
}

}  // namespace breakwater::test
