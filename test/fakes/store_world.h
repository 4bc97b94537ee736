// A store in a folder of its own, on a FaultyDisk, at a time that the test chooses; and content made from a
// size and a seed.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "store/blobs/blobs.h"
#include "store/blobs/partials.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/files/files.h"
#include "store/store.h"
#include "test/fakes/fake_clock.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/faulty_disk.h"

namespace breakwater::test {

// A folder that is gone when the test is. In memory if the machine has room there: a thousand fsyncs take a
// real disk minutes.
class Folder {
 public:
  Folder() {
    static std::atomic<int> made = 0;
    path_ = place() / ("breakwater-" + std::to_string(::getpid()) + "-" + std::to_string(made++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  static std::filesystem::path place() {
    constexpr uintmax_t kRoomBytes = 128U << 20;
    std::error_code none;
    const auto space = std::filesystem::space("/dev/shm", none);
    return !none && space.available >= kRoomBytes ? "/dev/shm" : std::filesystem::temp_directory_path();
  }

  std::filesystem::path path_;
};

inline std::string content_of(size_t size, uint32_t seed) {
  std::string content(size, '\0');
  uint32_t state = seed * 2654435761U + 1;
  for (char& byte : content) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return content;
}

inline store::Digest digest_of(const std::string& content) {
  return store::digest_of(store::Algorithm::sha256, content);
}

// Of every file in blobs/.
inline std::vector<store::Digest> stored_digests(const store::Files& files) {
  std::vector<store::Digest> digests;
  for (const store::Algorithm algorithm : {store::Algorithm::sha256, store::Algorithm::sha512}) {
    // Any digest's folder lies beside those of the others.
    const store::Digest any = store::digest_of(algorithm, std::string());
    const auto folder = files.path_of(any).parent_path().parent_path();
    const std::string text = any.text().substr(0, any.text().find(':') + 1);
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      if (auto digest = store::Digest::parse(text + entry.path().filename().string()))
        digests.push_back(*digest);
    }
  }
  std::sort(digests.begin(), digests.end());
  return digests;
}

inline std::vector<store::Digest> stored_digests(store::Store& store) {
  return stored_digests(store.parts().files);
}

struct StoreWorld {
  Folder folder;
  FaultyDisk disk{folder.path() / "graves"};
  FakeClock clock;
  FakeLog log;
  store::StoreSettings settings;
  std::unique_ptr<store::Store> store;

  StoreWorld() {
    settings.data = folder.path() / "data";
    settings.mirror_routes = {"dockerhub", "ghcr"};
    settings.registry_routes = {"private"};
  }

  Result<> open() {
    store.reset();
    auto opened = store::Store::open(settings, disk, clock, log);
    if (!opened) return failure(opened.error());
    store = *std::move(opened);
    return {};
  }

  // As a process that was killed leaves it: the disk keeps what was written, the catalog's too, and no clean
  // end is marked. To lose what was not synced is the test's choice: disk.power_cut() after this.
  void crash() {
    disk.stop();
    store.reset();
    disk.start_again();
  }

  // What a fill does. Its time of use is now.
  Result<store::Blob> put(const store::RepositoryKey& repository, const std::string& content,
                          store::Durability durability = store::Durability::buffered) {
    const store::Digest digest = digest_of(content);
    auto partial = store->partials().receive(repository.route, store::Partials::fill_id(digest),
                                             store::Algorithm::sha256);
    if (!partial) return failure(partial.error());
    if (auto grown = store->capacity().grow(partial->reservation, content.size()); !grown)
      return failure(grown.error());
    if (partial->writer->written() < content.size()) {
      const auto rest = std::span<const char>(content).subspan(partial->writer->written());
      if (auto appended = partial->writer->append(rest); !appended) return failure(appended.error());
    }
    if (auto verified = partial->writer->verify(digest); !verified) return failure(verified.error());
    return store->commit_blob(*partial, repository, durability);
  }

  bool holds(const std::string& content) {
    const auto blob = store->blobs().open(digest_of(content));
    if (!blob) return false;
    std::string found(content.size() + 1, '\0');
    const auto got = disk.read(*blob->file, 0, found);
    return got && found.substr(0, *got) == content;
  }

  // What blobs and partials take of the disk, in whole blocks.
  uint64_t bytes_on_disk() const {
    uint64_t bytes = 0;
    for (const char* part : {"blobs", "incoming"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.data / part)) {
        if (entry.is_regular_file()) bytes += store::on_disk(entry.file_size());
      }
    }
    return bytes;
  }
  size_t files_in(const char* part) const {
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.data / part))
      files += entry.is_regular_file();
    return files;
  }
};

}  // namespace breakwater::test
