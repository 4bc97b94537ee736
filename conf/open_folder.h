// A data folder that only this process uses, for verbs that run while no process serves the folder. What they
// do is told to the webhooks of the configuration by the process that serves next: its events wait in the
// catalog until then.
#pragma once

#include <memory>
#include <optional>

#include "conf/config.h"
#include "routes/ops/logged_events.h"
#include "store/history/event_queue.h"
#include "store/store.h"

namespace breakwater::conf {

struct OpenFolder {
  std::unique_ptr<store::Disk> disk;
  store::SystemClock clock;
  std::unique_ptr<store::Log> log;
  std::unique_ptr<routes::LoggedEvents> logged;  // what the store tells, before it goes to the log
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::EventQueue> events;

  // Queues what was logged since it was opened, as far as a webhook wants it. Call this when all is done.
  [[nodiscard]] Result<> queue_logged();
};
// `unavailable` if there is no data folder: only `serve` makes one unasked, because a verb that does so in
// the wrong place fills a folder that nobody serves. The message says who has named the folder, and what to
// do.
[[nodiscard]] Result<> check_folder(const Config& config);
// For who asked that a data folder be made where there is none: nothing is made yet, but it is sure that the
// place is empty. `conflict` if there is something else, `unavailable` if it would be in no folder.
[[nodiscard]] Result<> check_place(const Config& config);
// If this process runs as root, it becomes the folder's owner for good, because opening a catalog writes
// files that the server must be able to read. The folder becomes the working directory, since its path may be
// closed to all but root (systemd's /var/lib/private).
[[nodiscard]] Result<> become_owner(Config& config);
// Of the data folder, or of the one that it would be made in, if this process runs as root and the folder is
// another's: what it makes there has to be readable by the server.
std::optional<store::FolderOwner> owner_of(const Config& config);
// Whether what is over a bound is evicted when the folder is opened.
enum class Bounds { kept, ignored };
// `conflict` if another process has the folder open.
[[nodiscard]] Result<> open_folder(const Config& config, OpenFolder& folder, Bounds bounds);

}  // namespace breakwater::conf
