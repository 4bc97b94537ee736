#include "routes/ops/audit.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "routes/oci/date_text.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

constexpr auto kTryAgainAfter = std::chrono::seconds(1);
constexpr size_t kWrittenTogether = 256;
constexpr size_t kTextBytesMax = 2048;  // of what others have sent
constexpr std::string_view kUid = "uid ";

std::string_view name_of(AuditEntry::Outcome outcome) {
  switch (outcome) {
    case AuditEntry::Outcome::done: return "done";
    case AuditEntry::Outcome::refused: return "refused";
    case AuditEntry::Outcome::failed: break;
  }
  return "failed";
}

// "alice (uid 1000)". May ask a server for it, so it is for the writing thread.
std::string user_text(uint32_t uid) {
  std::array<char, 4096> room{};
  passwd user{};
  passwd* found = nullptr;
  std::string number = std::string(kUid) + std::to_string(uid);
  if (::getpwuid_r(uid, &user, room.data(), room.size(), &found) != 0 || found == nullptr) return number;
  return std::string(found->pw_name) + " (" + number + ")";
}

// Its fields with their values, in the order of the line.
std::vector<std::pair<std::string_view, std::string>> fields_of(const AuditEntry& entry) {
  std::vector<std::pair<std::string_view, std::string>> fields;
  const auto add = [&fields](std::string_view name, std::string_view value) {
    if (!value.empty()) fields.emplace_back(name, store::printable(value.substr(0, kTextBytesMax)));
  };
  add("at", date_text(entry.at));
  add("who", entry.uid ? user_text(*entry.uid) : entry.who);
  add("from", entry.from);
  add("what", entry.what);
  add("arguments", entry.arguments);
  add("route", entry.route);
  add("repository", entry.repository);
  add("reference", entry.reference);
  add("digest_before", entry.digest_before);
  add("digest_after", entry.digest_after);
  add("result", name_of(entry.outcome));
  add("reason", entry.reason);
  add("trace", entry.trace);
  return fields;
}

}  // namespace

std::string audit_line(const AuditEntry& entry) {
  nlohmann::ordered_json json;
  for (auto& [name, value] : fields_of(entry)) json[std::string(name)] = std::move(value);
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void set_peer(AuditEntry& entry, const proxy::Peer& peer, std::string_view user) {
  const std::string_view text = peer.text;
  uint32_t uid = 0;
  if (!text.starts_with(kUid)) {
    entry.from = peer.text;
    entry.who = user.empty() ? peer.text : std::string(user);
    return;
  }
  entry.from = "control socket";
  const auto number = text.substr(kUid.size());
  if (std::from_chars(number.data(), number.data() + number.size(), uid).ec == std::errc()) entry.uid = uid;
}

Audit::Audit(const store::Clock& clock, store::Log& log, std::unique_ptr<store::LineFile> file)
    : clock_(clock), log_(log), file_(std::move(file)), writer_([this] { run(); }) {}

Audit::~Audit() {
  {
    const store::Lock lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
  }
  writer_.join();
}

void Audit::note(AuditEntry entry) {
  const store::Lock lock(mutex_);
  if (waiting_.size() >= kWaitingMax) {
    ++lost_total_;
    return;
  }
  entry.at = clock_.wall();
  waiting_.push_back(std::move(entry));
  changed_.notify_all();
}

// The thread's work.
void Audit::run() {
  std::string lines;  // that the file has not taken
  store::Lock lock(mutex_);
  for (;;) {
    while (waiting_.empty() && lines.empty() && !is_ending_) changed_.wait(mutex_);
    if (waiting_.empty() && lines.empty()) return;
    std::vector<AuditEntry> entries;
    // While the file takes nothing all others wait where they are counted.
    while (lines.empty() && !waiting_.empty() && entries.size() < kWrittenTogether) {
      entries.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    lock.unlock();
    for (const auto& entry : entries) {
      if (file_ == nullptr) {
        write_to_log(entry);
      } else {
        lines += audit_line(entry) + "\n";
      }
    }
    const bool is_written = lines.empty() || write_to_file(lines);
    if (is_written) tell_lost();
    lock.lock();
    if (is_written) continue;
    if (is_ending_) {
      lost_total_ += static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n')) + waiting_.size();
      break;
    }
    changed_.wait_for(mutex_, kTryAgainAfter);
  }
  lock.unlock();
  tell_lost();
}

void Audit::write_to_log(const AuditEntry& entry) {
  const auto fields = fields_of(entry);
  std::vector<store::Log::Field> told;
  told.reserve(fields.size());
  for (const auto& [name, value] : fields) told.push_back({name, std::string_view(value)});
  log_.write(store::Log::Level::info, "audit", told);
}

bool Audit::write_to_file(std::string& lines) {
  const auto written = file_->append(lines);
  if (!written && !is_failing_)
    log_.error("audit_not_written",
               {{"reason", written.error().message},
                {"advice", "make room; until then the last lines wait, and what is too much is lost"}});
  if (written && is_failing_) log_.warning("audit_written_again", {});
  is_failing_ = !written;
  return written.has_value();
}

void Audit::tell_lost() {
  const uint64_t lost = lost_total_ - lost_told_;
  if (lost == 0) return;
  lost_told_ += lost;
  log_.error("audit_lines_lost", {{"lines", static_cast<int64_t>(lost)}});
  if (file_ == nullptr || is_failing_) return;
  AuditEntry entry;
  entry.at = clock_.wall();
  entry.what = "lines_lost";
  entry.outcome = AuditEntry::Outcome::failed;
  entry.reason = std::to_string(lost) + " lines were lost before this one";
  auto line = audit_line(entry) + "\n";
  (void)file_->append(line);
}

}  // namespace breakwater::routes
