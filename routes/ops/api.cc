#include "routes/ops/api.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "proxy/server/lent_disk.h"
#include "routes/oci/media_type.h"
#include "routes/oci/parsing.h"
#include "routes/oci/request_context.h"
#include "routes/ops/audited_acts.h"
#include "routes/ops/json_body.h"
#include "routes/ops/operations.h"
#include "store/blobs/parts.h"
#include "store/files/files.h"

namespace breakwater::routes {
namespace {

constexpr size_t kBodyBytesMax = 1 << 20;  // a list of images
constexpr proxy::Millis kTellEvery(500);

// Stops what runs on a worker when whoever asked for it leaves.
struct Stop {
  std::stop_source source;
  ~Stop() { source.request_stop(); }
};

// Manifests that are gone, told to the loop's thread some at a time. Belongs to one worker.
class Gone {
 public:
  explicit Gone(ServerSide& server) : server_(server) {}
  ~Gone() { tell(); }
  Gone(const Gone&) = delete;
  Gone& operator=(const Gone&) = delete;

  void add(const store::RepositoryKey& repository, const store::Digest& digest) {
    manifests_.emplace_back(repository, digest);
    if (manifests_.size() == kToldTogether) tell();
  }

 private:
  static constexpr size_t kToldTogether = 256;
  void tell() {
    if (manifests_.empty()) return;
    server_.loop().post([&server = server_, manifests = std::exchange(manifests_, {})] {
      for (const auto& [repository, digest] : manifests) server.forget(repository, digest);
    });
  }

  ServerSide& server_;
  std::vector<std::pair<store::RepositoryKey, store::Digest>> manifests_;
};

// The folder of whoever asks, if they lend one.
class Lent {
 public:
  Result<> take(const store::Store& store, const std::string& name, const std::stop_token& stop) {
    if (name.empty()) return {};
    if (!proxy::LentDisk::is_name(name))
      return failure(Error::Kind::invalid, "\"" + std::string(kLender) + "\" is no lender's name");
    auto disk = proxy::LentDisk::connect(store.parts().files.root() / name, stop);
    if (!disk) return failure(disk.error());
    disk_ = *std::move(disk);
    files_.emplace(CallersFiles{*disk_, true, [this](const std::string& line) { disk_->say(line); }});
    return {};
  }
  const CallersFiles* files() const { return files_ ? &*files_ : nullptr; }

 private:
  std::unique_ptr<proxy::LentDisk> disk_;
  std::optional<CallersFiles> files_;
};

std::string_view name_of(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_found: return "not_found";
    case Error::Kind::denied: return "denied";
    case Error::Kind::throttled: return "throttled";
    case Error::Kind::storage: return "storage";
    case Error::Kind::unavailable: return "unavailable";
    case Error::Kind::corrupt: return "corrupt";
    case Error::Kind::full: return "full";
    case Error::Kind::invalid: return "invalid";
    case Error::Kind::too_large: return "too_large";
    case Error::Kind::too_slow: return "too_slow";
    case Error::Kind::conflict: return "conflict";
    case Error::Kind::would_block:
    case Error::Kind::internal: break;
  }
  return "internal";
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void reply_json(proxy::Exchange& exchange, int status, const Json& json) {
  auto headers = base_headers();
  headers.add("Content-Type", std::string(kJson));
  headers.add("Cache-Control", "no-store");
  exchange.reply(status, std::move(headers), std::make_shared<const std::string>(text_of(json)));
}

void reply_error(proxy::Exchange& exchange, const Error& error) {
  reply_json(exchange, api_status_of(error), error_json(error));
}

Result<Arguments> arguments_of_query(std::string_view query) {
  Arguments arguments;
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const auto name = proxy::percent_decode(pair.substr(0, equals), proxy::Plus::space);
    const auto value = proxy::percent_decode(
        equals == std::string_view::npos ? "true" : pair.substr(equals + 1), proxy::Plus::space);
    if (!name || !value) return failure(Error::Kind::invalid, "the query has a broken %-escape");
    if (!name->empty()) arguments.add(*name, *value);
  }
  return arguments;
}

std::optional<std::string> word_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  return std::nullopt;
}

Result<Arguments> arguments_of_body(const std::string& body) {
  Arguments arguments;
  if (body.empty()) return arguments;
  const auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return failure(Error::Kind::invalid, "the body is no JSON object");
  for (const auto& [name, value] : json.items()) {
    const auto values = value.is_array() ? value : Json::array({value});
    for (const auto& one : values) {
      auto word = word_of(one);
      if (!word) return failure(Error::Kind::invalid, "\"" + name + "\" is neither text nor true or false");
      arguments.add(name, std::move(*word));
    }
  }
  return arguments;
}

proxy::Task<Result<Arguments>> arguments_of(proxy::Exchange& exchange, proxy::Workers& workers,
                                            std::string query) {
  const auto& request = exchange.request();
  if (request.method == "GET") co_return arguments_of_query(query);
  auto body = co_await read_json_body(exchange, kBodyBytesMax);
  if (!body) co_return failure(body.error());
  const size_t bytes = body->size();
  auto job = [body = *std::move(body)] { return arguments_of_body(body); };
  co_return co_await parse(workers, bytes, std::move(job));
}

// What makes no sense in part is not told in part.
Result<> check_told(const Operation& operation, const Sight& sight) {
  const bool is_whole =
      operation.tells == Operation::Tells::whole || operation.tells == Operation::Tells::unsaid;
  if (!is_whole || sight.is_of_all()) return {};
  return failure(Error::Kind::denied, std::string(operation.path) +
                                          " is of all repositories, and you may not pull from all of them");
}

}  // namespace

Json error_json(const Error& error) {
  Json json;
  json["error"]["kind"] = name_of(error.kind);
  json["error"]["message"] = error.message;
  return json;
}

int api_status_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::invalid: return 400;
    case Error::Kind::denied: return 403;
    case Error::Kind::not_found: return 404;
    case Error::Kind::conflict: return 409;
    case Error::Kind::too_large: return 413;
    case Error::Kind::throttled: return 429;
    case Error::Kind::corrupt: return 502;
    case Error::Kind::storage:
    case Error::Kind::unavailable: return 503;
    case Error::Kind::full: return 507;
    default: return 500;
  }
}

// One that runs beside the telling of its progress.
class Api::Run {
 public:
  explicit Run(proxy::Loop& loop) : ended(loop) {}
  const std::shared_ptr<Progress> progress = std::make_shared<Progress>();
  std::optional<Result<Json>> result;
  proxy::Signal ended;
};

proxy::Task<> Api::serve_to(proxy::Exchange& exchange, ApiCaller caller) {
  const auto& request = exchange.request();
  const std::string_view target = request.target;
  const size_t question = target.find('?');
  std::string query(question == std::string_view::npos ? "" : target.substr(question + 1));
  const auto path = target.substr(0, question);
  if (request.method == "GET" && path == kEventsPath)
    co_return co_await stream(exchange, caller, std::move(query));
  const auto* operation =
      path.starts_with(kApiPath) ? operation_at(path.substr(kApiPath.size()), request.method) : nullptr;
  if (operation == nullptr) {
    const std::string what = request.method + " " + std::string(path.substr(0, 200));
    co_return reply_error(exchange, Error(Error::Kind::not_found, "there is no " + what, 0));
  }
  auto arguments = co_await arguments_of(exchange, workers_, std::move(query));
  auto right = arguments ? check(*arguments, *operation) : failure(arguments.error());
  if (right) right = check_told(*operation, caller.sight);
  if (!right) {
    note_refused(exchange, caller, *operation, arguments ? *arguments : Arguments(), right.error());
    co_return reply_error(exchange, right.error());
  }
  const bool tells = request.headers.get("Accept").find(kNdjson) != std::string_view::npos;
  if (tells) co_return co_await tell_progress(exchange, caller, *operation, std::move(*arguments));
  auto progress = std::make_shared<Progress>();
  auto result =
      co_await do_and_note(exchange, caller, *operation, std::move(*arguments), std::move(progress));
  if (!result) co_return reply_error(exchange, result.error());
  reply_json(exchange, 200, *result);
}

proxy::Task<> Api::stream(proxy::Exchange& exchange, const ApiCaller& caller, std::string query) {
  const auto arguments = arguments_of_query(query);
  if (!arguments) co_return reply_error(exchange, arguments.error());
  auto wanted = EventsWanted::of(*arguments, server_.directory());
  if (!wanted) co_return reply_error(exchange, wanted.error());
  wanted->filter.sight = caller.sight;
  wanted->goes_on = caller.goes_on;
  co_return co_await stream_.serve(exchange, *std::move(wanted));
}

// An act that is under way when whoever asked for it leaves is stopped, and may be done or not.
class Api::Noted {
 public:
  Noted(Audit& audit, AuditEntry entry) : audit_(audit), entry_(std::move(entry)) {
    entry_.outcome = AuditEntry::Outcome::failed;
    entry_.reason = "whoever asked for it left before it had ended";
  }
  ~Noted() { audit_.note(std::move(entry_)); }
  Noted(const Noted&) = delete;
  Noted& operator=(const Noted&) = delete;

  void ended(const Result<Json>& answer) { set_outcome(entry_, answer); }

 private:
  Audit& audit_;
  AuditEntry entry_;
};

std::optional<AuditEntry> Api::entry_of(const proxy::Exchange& exchange, const ApiCaller& caller,
                                        const Operation& operation, const Arguments& arguments) const {
  if (operation.effect != Operation::Effect::act || arguments.flag("dry_run")) return std::nullopt;
  auto entry = audit_entry(operation, arguments, server_.directory());
  set_peer(entry, exchange.peer(), caller.user);
  entry.trace = exchange.id();
  return entry;
}

void Api::note_refused(const proxy::Exchange& exchange, const ApiCaller& caller, const Operation& operation,
                       const Arguments& arguments, const Error& error) {
  auto entry = entry_of(exchange, caller, operation, arguments);
  if (!entry) return;
  set_outcome(*entry, failure(error));
  audit_.note(*std::move(entry));
}

proxy::Task<Result<Json>> Api::do_and_note(const proxy::Exchange& exchange, const ApiCaller& caller,
                                           const Operation& operation, Arguments arguments,
                                           std::shared_ptr<Progress> progress) {
  std::optional<Noted> noted;
  if (auto entry = entry_of(exchange, caller, operation, arguments)) noted.emplace(audit_, *std::move(entry));
  auto answered =
      co_await answer(exchange.peer(), caller, operation, std::move(arguments), std::move(progress));
  if (noted) noted->ended(answered);
  co_return answered;
}

proxy::Task<Result<Json>> Api::answer(const proxy::Peer& peer, const ApiCaller& caller,
                                      const Operation& operation, Arguments arguments,
                                      std::shared_ptr<Progress> progress) {
  if (operation.of_directory != nullptr) co_return operation.of_directory(server_.directory(), arguments);
  if (operation.of_server != nullptr)
    co_return co_await operation.of_server(server_, std::move(arguments), std::move(progress), caller.sight);
  Stop stop;
  auto job = [&store = store_, &operation, &server = server_, directory = server_.directory(),
              &events = server_.events(), is_read_only = server_.is_read_only(),
              arguments = std::move(arguments), progress = std::move(progress), sight = caller.sight,
              who = caller.user.empty() ? peer.text : caller.user,
              token = stop.source.get_token()]() -> Result<Json> {
    Lent lent;
    if (auto taken = lent.take(store, arguments.word(kLender), token); !taken) return failure(taken.error());
    Gone gone(server);
    const auto tell = [&gone](const store::RepositoryKey& of, const store::Digest& digest) {
      gone.add(of, digest);
    };
    const StoreSide side{store,  directory,    *progress,    tell, token,
                         events, lent.files(), is_read_only, who,  sight};
    return operation.of_store(side, arguments);
  };
  const bool is_brief = operation.takes == Operation::Takes::moment;
  const proxy::JobOf of(is_brief ? proxy::JobOf::Kind::brief : proxy::JobOf::Kind::lengthy, peer.key());
  proxy::Workers& workers = operation.takes == Operation::Takes::hours ? of_hours_ : workers_;
  co_return co_await workers.run(of, std::move(job));
}

proxy::Task<> Api::run(const proxy::Exchange& exchange, const ApiCaller& caller, std::shared_ptr<Run> run,
                       const Operation& operation, Arguments arguments) {
  auto progress = run->progress;
  run->result = co_await do_and_note(exchange, caller, operation, std::move(arguments), std::move(progress));
  run->ended.ring();
}

proxy::Task<> Api::tell_progress(proxy::Exchange& exchange, const ApiCaller& caller,
                                 const Operation& operation, Arguments arguments) {
  auto& loop = server_.loop();
  auto running = std::make_shared<Run>(loop);
  proxy::Tasks tasks(loop);
  tasks.spawn(run(exchange, caller, running, operation, std::move(arguments)));
  auto headers = base_headers();
  headers.add("Content-Type", std::string(kNdjson));
  headers.add("Cache-Control", "no-store");
  exchange.start(200, std::move(headers), std::nullopt);
  while (!running->result) {
    const auto until = loop.now() + kTellEvery;
    while (!running->result && loop.now() < until) co_await running->ended.wait_until(until);
    if (running->result) break;
    Json json;
    json["progress"]["bytes"] = running->progress->bytes.load();
    json["progress"]["bytes_total"] = running->progress->bytes_total.load();
    auto line = text_of(json);
    co_await exchange.write(std::move(line));
  }
  Json last;
  if (*running->result) {
    last["result"] = **std::move(running->result);
  } else {
    last = error_json(running->result->error());
  }
  auto line = text_of(last);
  co_await exchange.write(std::move(line));
  exchange.finish();
}

}  // namespace breakwater::routes
