#include "conf/asking.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "conf/auditing.h"
#include "conf/interrupts.h"
#include "conf/local_request.h"
#include "conf/open_folder.h"
#include "conf/own_server_side.h"
#include "proxy/http/http.h"
#include "proxy/server/disk_lender.h"
#include "routes/ops/api.h"
#include "routes/ops/audited_acts.h"
#include "store/base/printable.h"

namespace breakwater::conf {
namespace {

using proxy::DiskLender;
using routes::Arguments;
using routes::Json;
using routes::Operation;
using routes::Parameter;

constexpr auto kChangeMax = std::chrono::seconds(2);
constexpr auto kAskAgainAfter = std::chrono::milliseconds(50);

std::string query_of(const Arguments& arguments) {
  std::string query;
  for (const auto& [name, values] : arguments.all()) {
    for (const auto& value : values)
      query += (query.empty() ? "?" : "&") + name + "=" + proxy::percent_encode(value);
  }
  return query;
}

std::string body_of(const Operation& operation, const Arguments& arguments) {
  Json json = Json::object();
  for (const auto& [name, values] : arguments.all()) {
    const auto* parameter = parameter_of(operation, name);
    const bool is_flag =
        parameter == nullptr ? name != routes::kLender : parameter->kind == Parameter::Kind::flag;
    if (is_flag) {
      json[name] = values.front() == "true";
    } else if (parameter != nullptr && parameter->kind == Parameter::Kind::words) {
      json[name] = values;
    } else {
      json[name] = values.front();
    }
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error error_of(const Json& json) {
  const auto error = json.value("error", Json::object());
  const auto kind = error.value("kind", std::string());
  const bool is_not_tried = kind == "invalid" || kind == "unavailable";
  const auto message = error.value("message", std::string("the server gave no reason"));
  return {is_not_tried ? Error::Kind::invalid : Error::Kind::internal, message, 0};
}

std::filesystem::path folder_of(const Operation& operation, const Arguments& arguments) {
  for (const auto& parameter : operation.parameters) {
    if (parameter.shape == "DIR" && arguments.has(parameter.name))
      return std::filesystem::path(arguments.word(parameter.name)).lexically_normal();
  }
  return {};
}

// Null if the operation needs none.
Result<std::unique_ptr<DiskLender>> lend(const Asked& asked, Arguments& arguments, ProgressLine& progress) {
  if (asked.operation.files == Operation::Files::none) return std::unique_ptr<DiskLender>();
  std::error_code none;
  if (!std::filesystem::exists(asked.config.data / routes::kControlSocket, none))
    return failure(Error::Kind::unavailable, "nobody serves " + asked.config.data.string());
  const bool is_read = asked.operation.files == Operation::Files::read;
  DiskLender::Lent lent;
  lent.folder = folder_of(asked.operation, arguments);
  lent.purpose = is_read ? DiskLender::For::reading : DiskLender::For::writing;
  const auto say = [&progress, tells = asked.tells](const std::string& line) {
    if (tells) progress.say(store::printable(line));
  };
  auto lender = DiskLender::begin(asked.config.data, owner_of(asked.config), std::move(lent), say);
  if (!lender) return lender;
  arguments.add(routes::kLender, (*lender)->name());
  return lender;
}

// The answer of the process that serves; `unavailable` if none does.
Result<Json> ask(const Asked& asked, Arguments arguments, ProgressLine& progress,
                 const std::stop_token& stop) {
  const Operation& operation = asked.operation;
  const auto lender = lend(asked, arguments, progress);
  if (!lender) return failure(lender.error());
  const bool asks = operation.effect == Operation::Effect::ask;
  LocalRequest request;
  request.method = operation.method();
  request.target =
      std::string(routes::kApiPath) + std::string(operation.path) + (asks ? query_of(arguments) : "");
  if (!asks) request.json = body_of(operation, arguments);
  const bool is_long = operation.takes != Operation::Takes::moment;
  if (is_long) request.accept = routes::kNdjson;
  Json last;
  const auto on_line = [&](std::string_view line) {
    last = Json::parse(line, nullptr, false);
    if (!last.is_object() || !last.contains("progress")) return;
    const auto& told = last["progress"];
    progress.show(told.value("bytes", uint64_t{0}), told.value("bytes_total", uint64_t{0}));
  };
  const auto reply = ask_server(asked.config.data, request, on_line, stop);
  // What it has open is closed, and what it was writing is taken away.
  if (*lender && stop.stop_requested()) (*lender)->wait_for_end();
  progress.end();
  if (!reply && stop.stop_requested())
    return failure(Error::Kind::internal, "stopped: what was done stays, and another run goes on from there");
  if (!reply) return failure(reply.error());
  if (reply->status != 200) last = Json::parse(reply->body, nullptr, false);
  if (!last.is_object()) return failure(Error::Kind::internal, "the server ended before it answered");
  if (last.contains("error")) return failure(error_of(last));
  if (reply->status != 200) return failure(Error::Kind::internal, "the server answered " + reply->body);
  return is_long ? last.value("result", Json::object()) : last;
}

Result<> check_place_of(const Asked& asked) {
  if (asked.init) return check_place(asked.config);
  auto there = check_folder(asked.config);
  if (!there && asked.operation.verb == "import")
    there.error().message += "; or make one here, before its first start, by --init";
  return there;
}

// Done by this process, on the folder that nobody serves. `is_locked` says that somebody has it open after
// all.
Result<Json> do_alone(const Asked& asked, const Arguments& arguments, ProgressLine& line,
                      const std::stop_token& stop, bool& is_locked) {
  const Operation& operation = asked.operation;
  Config config = asked.config;
  if (operation.of_store == nullptr) {
    return failure(Error::Kind::unavailable, "nobody serves " + config.data.string() +
                                                 ": start it, or name another folder with --data");
  }
  if (auto there = check_place_of(asked); !there) return failure(there.error());
  const auto directory = route_directory(config);
  const bool is_act = operation.effect == Operation::Effect::act && !arguments.flag("dry_run");
  const store::SystemClock clock;
  SystemLog system_log;
  // Opened by who has asked: the folder's owner may not get there.
  auto audit = is_act ? open_audit(config, clock, system_log) : Result<std::unique_ptr<routes::Audit>>();
  if (!audit) return failure(Error::Kind::unavailable, audit.error().message);
  auto entry = routes::audit_entry(operation, arguments, directory);
  entry.uid = ::getuid();
  entry.from = "command line";
  // What is of others is reached by the rights of whoever asks, where the folder's owner may have none.
  const bool stays = operation.files != Operation::Files::none || operation.verb == "backup";
  if (auto become = stays ? Result<>() : become_owner(config); !become) return failure(become.error());
  OpenFolder folder;
  // Evicting is for the process that serves.
  auto opened = open_folder(config, folder, Bounds::ignored);
  is_locked = !opened && opened.error().kind == Error::Kind::conflict;
  if (!opened) return failure(opened.error());
  routes::Progress progress;
  const auto nobody = [](const store::RepositoryKey&, const store::Digest&) {};
  const auto say = [&line, tells = asked.tells](const std::string& text) {
    if (tells) line.say(text);
  };
  const routes::CallersFiles files{*folder.disk, false, say};
  std::jthread shows([&](const std::stop_token& end) { line.follow(progress, end); });
  const routes::StoreSide side{*folder.store, directory, progress,
                               nobody,        stop,      *folder.events,
                               &files,        {},        "uid " + std::to_string(*entry.uid)};
  auto answer = operation.of_store(side, arguments);
  routes::set_outcome(entry, answer);
  if (*audit != nullptr) (*audit)->note(std::move(entry));
  // Nothing is undone for that.
  if (auto queued = folder.queue_logged(); !queued)
    folder.log->warning("event_not_noted", {{"error", queued.error().message}});
  return answer;
}

}  // namespace

const Parameter* parameter_of(const Operation& operation, std::string_view name) {
  for (const auto& parameter : operation.parameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

// While a process reloads or hands over nobody answers for a moment, and the folder may be locked.
Result<Json> answer_of(const Asked& asked, const Arguments& arguments) {
  if (asked.operation.of_directory != nullptr)
    return asked.operation.of_directory(route_directory(asked.config), arguments);
  std::optional<Interrupts> interrupts;
  if (asked.operation.takes != Operation::Takes::moment) interrupts.emplace();
  const auto stop = interrupts ? interrupts->stop() : std::stop_token();
  ProgressLine progress;
  const auto until = std::chrono::steady_clock::now() + kChangeMax;
  for (;;) {
    auto answer = ask(asked, arguments, progress, stop);
    if (answer || answer.error().kind != Error::Kind::unavailable) return answer;
    bool is_locked = false;
    auto alone = do_alone(asked, arguments, progress, stop, is_locked);
    const bool is_busy = is_locked || (!alone && asked.operation.of_store == nullptr);
    if (!is_busy || std::chrono::steady_clock::now() >= until) return alone;
    std::this_thread::sleep_for(kAskAgainAfter);
  }
}

}  // namespace breakwater::conf
