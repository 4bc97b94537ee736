// The audit log: who did what, when and from where. One line for each push of a manifest, each deletion by a
// client and each act of an operator, also for what was refused or has failed. Apart from the access log: in
// a file of its own, one JSON object a line, or as the event `audit` of the log.
//
//   audit.note({.who = "10.0.0.7", .from = "10.0.0.7", .what = "push", .route = "private", …});
//
// note() never blocks, from any thread: a thread of the Audit writes. While the file takes nothing (a full
// disk) it is tried again each second, and up to kWaitingMax lines wait; what comes beyond is lost, counted,
// and told to the log and in the file.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "proxy/http/exchange.h"
#include "store/base/clock.h"
#include "store/base/line_file.h"
#include "store/base/log.h"
#include "store/base/mutex.h"

namespace breakwater::routes {

struct AuditEntry {
  enum class Outcome : uint8_t {
    done,
    refused,  // nothing was changed, by a rule or because it made no sense
    failed    // it was to be done; `reason` says why it was not, or that it is not known
  };
  store::Time at{};                  // of the wall clock; note() sets it
  std::string who = {};              // a name, or a client's address, or "" if `uid` says who
  std::optional<uint32_t> uid = {};  // of the process that asked: its user
  std::string from = {};             // an address, "control socket", "command line" or "signal"
  std::string what = {};             // "push", "delete", or an operator's verb
  std::string arguments = {};        // of the verb, "what=team/app:1 dry_run=false"
  std::string route = {}, repository = {}, reference = {};
  std::string digest_before = {}, digest_after = {};  // "" if there is none, or it is not known
  Outcome outcome = Outcome::done;
  std::string reason = {};  // why it was refused or has failed
  std::string trace = {};
};

// One JSON object, without a line end. Fields that are empty are left out.
std::string audit_line(const AuditEntry& entry);

// The peer of a connection: an address, or a process of this machine by the control socket.
// `user` is the name that it has proved; "" for none.
void set_peer(AuditEntry& entry, const proxy::Peer& peer, std::string_view user = {});

class Audit {
 public:
  static constexpr size_t kWaitingMax = 4096;

  // Into `file`, or into `log` if that is null. What it borrows outlives it.
  Audit(const store::Clock& clock, store::Log& log, std::unique_ptr<store::LineFile> file);
  ~Audit();  // writes what waits, unless the file takes nothing
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

  void note(AuditEntry entry);
  uint64_t lost_total() const { return lost_total_; }  // lines

 private:
  void run();
  void write_to_log(const AuditEntry& entry);
  bool write_to_file(std::string& lines);
  void tell_lost();

  const store::Clock& clock_;
  store::Log& log_;
  const std::unique_ptr<store::LineFile> file_;
  std::atomic<uint64_t> lost_total_ = 0;
  uint64_t lost_told_ = 0;   // of lost_total_; of the thread
  bool is_failing_ = false;  // of the thread
  store::Mutex mutex_;
  store::Condition changed_;
  std::deque<AuditEntry> waiting_ GUARDED_BY(mutex_);
  bool is_ending_ GUARDED_BY(mutex_) = false;
  std::thread writer_;  // last: begins when all else is there
};

}  // namespace breakwater::routes
