#include "proxy/server/disk_lender.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "proxy/server/local_socket.h"
#include "store/files/outside.h"

namespace breakwater::proxy {

using Path = std::filesystem::path;

namespace {

constexpr int kLookForStopEvery_ms = 100;

// Of a call that would change something.
bool writes(LentCall call) {
  switch (call) {
    case LentCall::open:
    case LentCall::stat:
    case LentCall::stat_target:
    case LentCall::list:
    case LentCall::space:
    case LentCall::say: return false;
    case LentCall::open_for_writing:
    case LentCall::create:
    case LentCall::sync_directory:
    case LentCall::rename:
    case LentCall::link:
    case LentCall::remove:
    case LentCall::make_directories:
    case LentCall::remove_directory: break;
  }
  return true;
}

void add_error(LentMessage& answer, const Error& error) {
  answer.add(uint64_t{1});
  answer.add(static_cast<uint64_t>(error.kind));
  answer.add(error.message);
}

void add_done(LentMessage& answer, const Result<>& done) {
  if (!done) return add_error(answer, done.error());
  answer.add(uint64_t{0});
}

void add_stat(LentMessage& answer, const Result<store::FileStat>& found) {
  if (!found) return add_error(answer, found.error());
  answer.add(uint64_t{0});
  answer.add(found->size);
  answer.add(found->on_disk);
  answer.add(static_cast<uint64_t>(found->modified.time_since_epoch().count()));
  answer.add(uint64_t{found->is_directory});
  answer.add(found->id.first);
  answer.add(found->id.second);
  answer.add(found->names);
  answer.add(uint64_t{found->is_file});
}

void add_list(LentMessage& answer, const Result<std::vector<store::DirectoryEntry>>& found) {
  if (!found) return add_error(answer, found.error());
  answer.add(uint64_t{0});
  answer.add(uint64_t{found->size()});
  for (const auto& entry : *found) {
    answer.add(entry.name);
    answer.add(uint64_t{entry.is_directory});
    answer.add(uint64_t{entry.is_link});
  }
}

void add_space(LentMessage& answer, const Result<store::DiskSpace>& found) {
  if (!found) return add_error(answer, found.error());
  answer.add(uint64_t{0});
  answer.add(found->total);
  answer.add(found->available);
}

void add_file(LentMessage& answer, Result<store::SharedFile> found, store::SharedFile& file) {
  if (!found) return add_error(answer, found.error());
  answer.add(uint64_t{0});
  file = *std::move(found);
}

}  // namespace

Result<std::unique_ptr<DiskLender>> DiskLender::begin(const Path& data,
                                                      const std::optional<store::FolderOwner>& owner,
                                                      Lent lent, Say say) {
  const auto disk = store::make_posix_disk();
  if (auto outside = store::check_outside(*disk, data, lent.folder); !outside)
    return failure(outside.error());
  Path socket = data / (std::string(kLenderSocket) + std::to_string(::getpid()));
  auto bound = bind_local(socket);
  if (!bound) return failure(bound.error());
  Descriptor listens(*bound);
  const bool is_given = !owner || ::lchown(socket.c_str(), owner->user, owner->group) == 0;
  if (!is_given || ::listen(listens.fd(), 1) != 0) {
    const int error = errno;
    (void)::unlink(socket.c_str());
    return failure(Error::Kind::internal,
                   "lend " + lent.folder.string() + ": " + std::generic_category().message(error));
  }
  return std::unique_ptr<DiskLender>(
      new DiskLender(std::move(socket), std::move(listens), std::move(lent), std::move(say)));
}

DiskLender::DiskLender(Path socket, Descriptor listens, Lent lent, Say say)
    : data_(socket.parent_path()),
      socket_(std::move(socket)),
      name_(socket_.filename().string()),
      listens_(std::move(listens)),
      lent_(std::move(lent)),
      say_(std::move(say)),
      disk_(store::make_posix_disk()),
      thread_([this](const std::stop_token& stop) { serve(stop); }) {}

DiskLender::~DiskLender() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  take_name_away();
}

void DiskLender::wait_for_end() {
  if (is_met_ && thread_.joinable()) thread_.join();
}

void DiskLender::take_name_away() {
  if (std::exchange(is_named_, false)) (void)::unlink(socket_.c_str());
}

void DiskLender::serve(const std::stop_token& stop) {
  for (;;) {
    pollfd waits{listens_.fd(), POLLIN, 0};
    if (::poll(&waits, 1, kLookForStopEvery_ms) > 0) break;
    if (stop.stop_requested()) return;
  }
  const Descriptor server(::accept4(listens_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
  take_name_away();
  if (server.fd() < 0) return;
  is_met_ = true;
  for (;;) {
    auto question = receive_message(server.fd(), stop);
    if (!question) return;
    const auto call = static_cast<LentCall>(question->message.number());
    const auto first = question->message.text(), second = question->message.text();
    if (question->message.is_broken()) return;
    LentMessage said;
    store::SharedFile file;
    answer(call, first, second, said, file);
    if (!send_message(server.fd(), said, file ? file->fd() : -1)) return;
  }
}

bool DiskLender::is_lent(const std::string& path) const {
  const Path asked(path);
  const bool climbs = std::any_of(asked.begin(), asked.end(), [](const Path& part) { return part == ".."; });
  if (climbs || !asked.is_absolute()) return false;
  const auto [folder, below] =
      std::mismatch(lent_.folder.begin(), lent_.folder.end(), asked.begin(), asked.end());
  // The folder's own path may end with a slash, which is an empty part.
  return folder == lent_.folder.end() || (folder->empty() && std::next(folder) == lent_.folder.end());
}

Result<> DiskLender::check(LentCall call, const std::string& first, const std::string& second) const {
  if (call == LentCall::say) return {};
  const bool has_two = call == LentCall::rename || call == LentCall::link;
  const bool is_ours = is_lent(first) && (!has_two || is_lent(second));
  if (is_ours && !writes(call)) return {};
  if (is_ours && lent_.purpose == For::writing)
    return store::check_outside(*disk_, data_, has_two ? second : first);
  return failure(Error::Kind::denied, first + " is not lent for that");
}

void DiskLender::answer(LentCall call, const std::string& first, const std::string& second,
                        LentMessage& answer, store::SharedFile& file) {
  if (auto right = check(call, first, second); !right) return add_error(answer, right.error());
  switch (call) {
    case LentCall::open: return add_file(answer, disk_->open(first), file);
    case LentCall::open_for_writing: return add_file(answer, disk_->open_for_writing(first), file);
    case LentCall::create: return add_file(answer, disk_->create(first), file);
    case LentCall::sync_directory: return add_done(answer, disk_->sync_directory(first));
    case LentCall::stat: return add_stat(answer, disk_->stat(first));
    case LentCall::stat_target: return add_stat(answer, disk_->stat_target(first));
    case LentCall::rename: return add_done(answer, disk_->rename(first, second));
    case LentCall::link: return add_done(answer, disk_->link(first, second));
    case LentCall::remove: return add_done(answer, disk_->remove(first));
    case LentCall::make_directories: return add_done(answer, disk_->make_directories(first));
    case LentCall::remove_directory: return add_done(answer, disk_->remove_directory(first));
    case LentCall::list: return add_list(answer, disk_->list(first));
    case LentCall::space: return add_space(answer, disk_->space(first));
    case LentCall::say: say_(first); return add_done(answer, {});
  }
  add_error(answer, Error(Error::Kind::invalid, "nobody knows that call", 0));
}

}  // namespace breakwater::proxy
