#include "proxy/server/lent_disk.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/server/disk_lender.h"
#include "proxy/server/local_socket.h"

namespace breakwater::proxy {

using store::SharedFile;
using Path = std::filesystem::path;

namespace {

tl::unexpected<Error> broken() {
  return failure(Error::Kind::unavailable, "whoever lends the folder says what nobody understands");
}

}  // namespace

bool LentDisk::is_name(std::string_view name) {
  if (!name.starts_with(kLenderSocket)) return false;
  name.remove_prefix(kLenderSocket.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::unique_ptr<LentDisk>> LentDisk::connect(const Path& socket, std::stop_token stop) {
  const auto connected = connect_local(socket);
  if (!connected) return failure(connected.error());
  return std::unique_ptr<LentDisk>(new LentDisk(Descriptor(*connected), std::move(stop)));
}

// The answer, behind what kind of an error it is, if any.
Result<Received> LentDisk::ask(LentCall call, const std::string& first, const std::string& second) {
  LentMessage question;
  question.add(static_cast<uint64_t>(call));
  question.add(first);
  question.add(second);
  if (auto sent = send_message(socket_.fd(), question, -1); !sent) return failure(sent.error());
  auto answer = receive_message(socket_.fd(), stop_);
  if (!answer) return failure(answer.error());
  const uint64_t is_error = answer->message.number();
  if (is_error == 0) return answer->message.is_broken() ? Result<Received>(broken()) : std::move(answer);
  const uint64_t kind = answer->message.number();
  const auto message = answer->message.text();
  if (answer->message.is_broken() || kind > static_cast<uint64_t>(Error::Kind::internal)) return broken();
  return failure(static_cast<Error::Kind>(kind), message);
}

Result<SharedFile> LentDisk::ask_file(LentCall call, const Path& path) {
  auto answer = ask(call, path.string());
  if (!answer) return failure(answer.error());
  struct stat found {};
  const bool is_file =
      answer->descriptor.fd() >= 0 && ::fstat(answer->descriptor.fd(), &found) == 0 && S_ISREG(found.st_mode);
  if (!is_file) return broken();
  return std::make_shared<const store::File>(answer->descriptor.take(), path);
}

Result<store::FileStat> LentDisk::ask_stat(LentCall call, const Path& path) {
  auto answer = ask(call, path.string());
  if (!answer) return failure(answer.error());
  auto& message = answer->message;
  store::FileStat found;
  found.size = message.number();
  found.on_disk = message.number();
  found.modified = store::Time(std::chrono::milliseconds(static_cast<int64_t>(message.number())));
  found.is_directory = message.number() != 0;
  found.id.first = message.number();
  found.id.second = message.number();
  found.names = message.number();
  found.is_file = message.number() != 0;
  if (message.is_broken()) return broken();
  return found;
}

Result<> LentDisk::ask_done(LentCall call, const Path& first, const Path& second) {
  const auto answer = ask(call, first.string(), second.string());
  return answer ? Result<>() : failure(answer.error());
}

void LentDisk::say(const std::string& line) { (void)ask(LentCall::say, line); }

// --- by whoever lends

Result<SharedFile> LentDisk::open(const Path& path) { return ask_file(LentCall::open, path); }
Result<SharedFile> LentDisk::open_for_writing(const Path& path) {
  return ask_file(LentCall::open_for_writing, path);
}
Result<SharedFile> LentDisk::create(const Path& path) { return ask_file(LentCall::create, path); }
Result<> LentDisk::sync_directory(const Path& path) { return ask_done(LentCall::sync_directory, path, {}); }
Result<store::FileStat> LentDisk::stat(const Path& path) { return ask_stat(LentCall::stat, path); }
Result<store::FileStat> LentDisk::stat_target(const Path& path) {
  return ask_stat(LentCall::stat_target, path);
}
Result<> LentDisk::rename(const Path& from, const Path& to) { return ask_done(LentCall::rename, from, to); }
Result<> LentDisk::link(const Path& from, const Path& to) { return ask_done(LentCall::link, from, to); }
Result<> LentDisk::remove(const Path& path) { return ask_done(LentCall::remove, path, {}); }
Result<> LentDisk::make_directories(const Path& path) {
  return ask_done(LentCall::make_directories, path, {});
}
Result<> LentDisk::remove_directory(const Path& path) {
  return ask_done(LentCall::remove_directory, path, {});
}

Result<std::vector<store::DirectoryEntry>> LentDisk::list(const Path& path) {
  auto answer = ask(LentCall::list, path.string());
  if (!answer) return failure(answer.error());
  auto& message = answer->message;
  std::vector<store::DirectoryEntry> entries;
  for (uint64_t left = message.number(); left > 0 && !message.is_broken(); --left) {
    store::DirectoryEntry entry;
    entry.name = message.text();
    entry.is_directory = message.number() != 0;
    entry.is_link = message.number() != 0;
    entries.push_back(std::move(entry));
  }
  if (message.is_broken()) return broken();
  return entries;
}

Result<store::DiskSpace> LentDisk::space(const Path& path) {
  auto answer = ask(LentCall::space, path.string());
  if (!answer) return failure(answer.error());
  const uint64_t total = answer->message.number(), available = answer->message.number();
  if (answer->message.is_broken()) return broken();
  return store::DiskSpace{total, available};
}

// --- here, on what is open

Result<> LentDisk::write(const store::File& file, uint64_t offset, std::span<const char> data) {
  return own_->write(file, offset, data);
}
Result<size_t> LentDisk::read(const store::File& file, uint64_t offset, std::span<char> into) {
  return own_->read(file, offset, into);
}
Result<> LentDisk::truncate(const store::File& file, uint64_t size) { return own_->truncate(file, size); }
Result<> LentDisk::allocate(const store::File& file, uint64_t offset, uint64_t length) {
  return own_->allocate(file, offset, length);
}
Result<> LentDisk::sync(const store::File& file) { return own_->sync(file); }
bool LentDisk::resident(const store::File& file, uint64_t offset, uint64_t length) {
  return own_->resident(file, offset, length);
}
Result<> LentDisk::read_ahead(const store::File& file, uint64_t offset, uint64_t length) {
  return own_->read_ahead(file, offset, length);
}
void LentDisk::drop_resident(const store::File& file, uint64_t offset, uint64_t length) {
  own_->drop_resident(file, offset, length);
}
void LentDisk::advise(const store::File& file, store::Access access) { own_->advise(file, access); }
bool LentDisk::is_whole(const store::File& file, uint64_t size) { return own_->is_whole(file, size); }
void LentDisk::relieve_by(GiveBack) {}

}  // namespace breakwater::proxy
