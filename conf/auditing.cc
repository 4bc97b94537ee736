#include "conf/auditing.h"

#include <syslog.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "conf/open_folder.h"

namespace breakwater::conf {
namespace {

// Null if there is no file.
Result<std::unique_ptr<store::LineFile>> open_file(const Config& config) {
  if (config.audit.file.empty()) return std::unique_ptr<store::LineFile>();
  auto file = store::LineFile::open(config.audit.file, owner_of(config));
  if (!file) return failure(file.error().kind, "audit.file: " + file.error().message);
  return file;
}

}  // namespace

Result<std::unique_ptr<routes::Audit>> open_audit(const Config& config, const store::Clock& clock,
                                                  store::Log& log) {
  auto file = open_file(config);
  if (!file) return failure(file.error());
  return std::make_unique<routes::Audit>(clock, log, *std::move(file));
}

Result<> check_audit(const Config& config) {
  const auto file = open_file(config);
  return file ? Result<>() : failure(file.error());
}

void SystemLog::write(Level, std::string_view event, std::span<const Field> fields) {
  nlohmann::ordered_json json;
  json["event"] = event;
  for (const auto& field : fields)
    std::visit([&](const auto& value) { json[std::string(field.key)] = value; }, field.value);
  const auto line = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  ::openlog("breakwater", LOG_PID, LOG_DAEMON);
  ::syslog(LOG_NOTICE, "%s", line.c_str());
}

}  // namespace breakwater::conf
