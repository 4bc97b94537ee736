// RocksDB's file system on a FaultyDisk; and a catalog whose log is rotten, torn or missing.
#include "store/catalog/disk_file_system.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <future>
#include <set>

#include "store/catalog/catalog.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using Operation = test::FaultyDisk::Operation;
using rocksdb::IOOptions;

struct World {
  test::Folder folder;
  test::FaultyDisk disk{folder.path() / "graves"};
  std::shared_ptr<rocksdb::FileSystem> files = make_disk_file_system(disk);

  std::string path(const char* name) const { return folder.path() / name; }
  std::unique_ptr<rocksdb::FSWritableFile> create(const char* name) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    CHECK(files->NewWritableFile(path(name), {}, &file, nullptr).ok());
    return file;
  }
  std::string content(const char* name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_CASE("an append is one write, wherever the file was opened, and a new file is empty") {
  World world;
  auto file = world.create("a");
  const uint64_t before = world.disk.operations();
  REQUIRE(file->Append("one ", IOOptions(), nullptr).ok());
  REQUIRE(file->Append("two ", IOOptions(), nullptr).ok());
  CHECK(world.disk.operations() - before == 2);
  CHECK(file->GetFileSize(IOOptions(), nullptr) == 8);
  REQUIRE(file->Sync(IOOptions(), nullptr).ok());
  REQUIRE(file->Close(IOOptions(), nullptr).ok());
  REQUIRE(world.files->ReopenWritableFile(world.path("a"), {}, &file, nullptr).ok());
  REQUIRE(file->Append("three", IOOptions(), nullptr).ok());
  CHECK(world.content("a") == "one two three");
  file = world.create("a");
  CHECK(world.content("a").empty());
}

TEST_CASE("what is read is what was written, in order and anywhere") {
  World world;
  REQUIRE(world.create("a")->Append("0123456789", IOOptions(), nullptr).ok());
  std::array<char, 20> scratch{};
  rocksdb::Slice got;
  std::unique_ptr<rocksdb::FSSequentialFile> in_order;
  REQUIRE(world.files->NewSequentialFile(world.path("a"), {}, &in_order, nullptr).ok());
  REQUIRE(in_order->Read(3, IOOptions(), &got, scratch.data(), nullptr).ok());
  CHECK(got == "012");
  REQUIRE(in_order->Skip(4).ok());
  REQUIRE(in_order->Read(20, IOOptions(), &got, scratch.data(), nullptr).ok());
  CHECK(got == "789");
  std::unique_ptr<rocksdb::FSRandomAccessFile> anywhere;
  REQUIRE(world.files->NewRandomAccessFile(world.path("a"), {}, &anywhere, nullptr).ok());
  REQUIRE(anywhere->Read(8, 20, IOOptions(), &got, scratch.data(), nullptr).ok());
  CHECK(got == "89");
  world.disk.fail_at(1);
  CHECK(anywhere->Read(0, 1, IOOptions(), &got, scratch.data(), nullptr).IsIOError());
}

TEST_CASE("errors are told as RocksDB knows them") {
  World world;
  std::unique_ptr<rocksdb::FSSequentialFile> none;
  const std::string path = world.path("none");
  CHECK(world.files->NewSequentialFile(path, {}, &none, nullptr).IsPathNotFound());
  CHECK(world.files->FileExists(path, IOOptions(), nullptr).IsNotFound());
  std::vector<std::string> names;
  CHECK(world.files->GetChildren(path, IOOptions(), &names, nullptr).IsNotFound());
  CHECK(world.files->DeleteFile(path, IOOptions(), nullptr).IsPathNotFound());
  auto file = world.create("a");
  world.disk.full_after(2);
  CHECK(file->Append("1234", IOOptions(), nullptr).IsNoSpace());
  world.disk.heal();
  world.disk.fail_each(Operation::sync);
  const auto failed = file->Sync(IOOptions(), nullptr);
  CHECK((failed.IsIOError() && !failed.IsNoSpace()));
}

TEST_CASE(
    "room that was allocated is written on a full disk, changes no size, and is given back at the end") {
  World world;
  auto file = world.create("a");
  file->SetPreallocationBlockSize(1 << 20);
  file->PrepareWrite(0, 10, IOOptions(), nullptr);
  world.disk.full_after(0);
  REQUIRE(file->Append("0123456789", IOOptions(), nullptr).ok());
  CHECK(world.disk.stat(world.path("a"))->size == 10);
  CHECK(world.disk.stat(world.path("a"))->on_disk >= 1 << 20);
  REQUIRE(file->Close(IOOptions(), nullptr).ok());
  CHECK(world.disk.stat(world.path("a"))->size == 10);
  CHECK(world.disk.stat(world.path("a"))->on_disk < 1 << 20);
}

TEST_CASE("folders, names and links are the disk's") {
  World world;
  const std::string folder = world.path("folder/");
  REQUIRE(world.files->CreateDir(folder, IOOptions(), nullptr).ok());
  CHECK(world.files->CreateDir(folder, IOOptions(), nullptr).IsIOError());
  CHECK(world.files->CreateDirIfMissing(folder, IOOptions(), nullptr).ok());
  REQUIRE(world.create("folder/a")->Append("a", IOOptions(), nullptr).ok());
  REQUIRE(world.files->LinkFile(folder + "a", folder + "b", IOOptions(), nullptr).ok());
  REQUIRE(world.files->RenameFile(folder + "a", folder + "c", IOOptions(), nullptr).ok());
  std::vector<std::string> names;
  REQUIRE(world.files->GetChildren(folder, IOOptions(), &names, nullptr).ok());
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"b", "c"});
  uint64_t number = 0;
  bool is = false;
  REQUIRE(world.files->NumFileLinks(folder + "b", IOOptions(), &number, nullptr).ok());
  CHECK(number == 2);
  REQUIRE(world.files->AreFilesSame(folder + "b", folder + "c", IOOptions(), &is, nullptr).ok());
  CHECK(is);
  REQUIRE(world.files->IsDirectory(folder, IOOptions(), &is, nullptr).ok());
  CHECK(is);
  CHECK(world.files->DeleteDir(folder, IOOptions(), nullptr).IsIOError());
  for (const char* name : {"b", "c"})
    CHECK(world.files->DeleteFile(folder + name, IOOptions(), nullptr).ok());
  CHECK(world.files->DeleteDir(folder, IOOptions(), nullptr).ok());
  CHECK(world.files->FileExists(folder, IOOptions(), nullptr).IsNotFound());
  CHECK(world.files->GetFreeSpace(world.folder.path(), IOOptions(), &number, nullptr).ok());
}

TEST_CASE("a second database of the same name is refused until the first lets go") {
  World world;
  rocksdb::FileLock* first = nullptr;
  rocksdb::FileLock* second = nullptr;
  REQUIRE(world.files->LockFile(world.path("LOCK"), IOOptions(), &first, nullptr).ok());
  CHECK_FALSE(world.files->LockFile(world.path("LOCK"), IOOptions(), &second, nullptr).ok());
  CHECK(second == nullptr);
  REQUIRE(world.files->UnlockFile(first, IOOptions(), nullptr).ok());
  REQUIRE(world.files->LockFile(world.path("LOCK"), IOOptions(), &second, nullptr).ok());
  CHECK(world.files->UnlockFile(second, IOOptions(), nullptr).ok());
}

// --- a log that is broken

const RepositoryKey kApp{"private", "app"};

// A catalog whose last twenty writes are in the log only.
struct LoggedWorld : test::StoreWorld {
  LoggedWorld() {
    REQUIRE(open());
    for (int i = 0; i < 20; ++i) put_tag(i);
  }
  void put_tag(int i) {
    Batch batch;
    const TagRecord record{test::digest_of("m"), std::string(10'000, 't'), {}, {}};
    batch.put_tag(kApp, "v" + std::to_string(i), record, std::nullopt);
    REQUIRE(store->parts().catalog.write(std::move(batch), Durability::synced));
  }
  bool has_tag(int i) const {
    const auto tag = store->catalog().tag(kApp, "v" + std::to_string(i), Reach::disk);
    return tag && *tag;
  }
  std::filesystem::path catalog() const { return settings.data / "catalog"; }
  // The longest one.
  static std::filesystem::path log_file(const std::filesystem::path& in) {
    std::filesystem::path longest;
    for (const auto& entry : std::filesystem::directory_iterator(in)) {
      if (entry.path().extension() != ".log") continue;
      if (longest.empty() || entry.file_size() > std::filesystem::file_size(longest)) longest = entry.path();
    }
    return longest;
  }
  static std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_CASE("a log with a rotten middle is told and kept, and what came before is served") {
  LoggedWorld world;
  world.crash();
  const auto log_file = world.log_file(world.catalog());
  std::string bytes = LoggedWorld::bytes_of(log_file);
  REQUIRE(bytes.size() > 200'000);
  for (size_t i = 100'000; i < 100'010; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  std::ofstream(log_file, std::ios::binary) << bytes;
  std::filesystem::create_directories(world.catalog().string() + "-log-broken-1");  // of an earlier time

  {
    const auto read = Catalog::open_to_read(world.disk, world.catalog(), 1 << 20);
    REQUIRE(read);
    CHECK((*read)->log_was_broken());
    CHECK_FALSE(std::filesystem::exists(world.catalog().string() + "-log-broken-2"));
  }
  REQUIRE(world.open());
  CHECK(world.log.contains("error catalog_log_broken"));
  CHECK(world.log.contains("catalog-log-broken-2"));
  CHECK(world.store->catalog().log_was_broken());
  CHECK_FALSE(world.store->recovered().was_clean);
  const std::filesystem::path kept = world.catalog().string() + "-log-broken-2";
  CHECK(LoggedWorld::bytes_of(world.log_file(kept)) == bytes);
  CHECK(world.has_tag(0));
  CHECK_FALSE(world.has_tag(19));
  world.put_tag(20);
  world.log.clear();
  REQUIRE(world.open());
  CHECK(world.has_tag(20));
  CHECK_FALSE(world.log.contains("catalog_log_broken"));
  CHECK_FALSE(world.store->catalog().log_was_broken());
  CHECK(LoggedWorld::bytes_of(world.log_file(kept)) == bytes);
}

TEST_CASE("a log that ends in the middle of a write opens without a word") {
  for (const size_t lost : {1U, 5'000U, 33'000U}) {
    LoggedWorld world;
    world.crash();
    const auto log_file = world.log_file(world.catalog());
    std::filesystem::resize_file(log_file, std::filesystem::file_size(log_file) - lost);
    CHECK_FALSE((*Catalog::open_to_read(world.disk, world.catalog(), 1 << 20))->log_was_broken());
    world.log.clear();
    REQUIRE(world.open());
    CHECK_FALSE(world.log.contains("catalog_log_broken"));
    CHECK_FALSE(world.store->catalog().log_was_broken());
    CHECK(world.has_tag(10));
    if (lost > 1) CHECK_FALSE(world.has_tag(19));
  }
}

TEST_CASE("a log that cannot be read refuses the start, and nothing of it is lost") {
  LoggedWorld world;
  world.crash();
  const auto log_file = world.log_file(world.catalog());
  world.disk.fail_on(Operation::read, log_file);
  CHECK_FALSE(world.open());
  CHECK_FALSE(world.log.contains("catalog_log_broken"));
  world.disk.heal();
  REQUIRE(world.open());
  CHECK(world.has_tag(19));
}

TEST_CASE("a start whose rotten log cannot be kept is refused") {
  LoggedWorld world;
  world.crash();
  const auto log_file = world.log_file(world.catalog());
  std::string bytes = LoggedWorld::bytes_of(log_file);
  bytes[100'000] = static_cast<char>(~bytes[100'000]);
  std::ofstream(log_file, std::ios::binary) << bytes;
  world.disk.fail_each(Operation::link, Error::Kind::invalid);
  CHECK_FALSE(world.open());
  CHECK(LoggedWorld::bytes_of(log_file) == bytes);
}

TEST_CASE("a log that was synced, is needed and is missing refuses the start, with its number") {
  LoggedWorld world;
  // Its table is not written before the machine dies, so that two logs are needed.
  std::promise<void> dies;
  const std::shared_future<void> dead = dies.get_future().share();
  const auto hold_tables = [dead](Operation operation, const std::filesystem::path& path) {
    if (operation == Operation::open_for_writing && path.extension() == ".sst") dead.wait();
  };
  world.disk.watch_by(hold_tables);
  const auto logs = [&world] {
    std::set<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(world.catalog())) {
      if (entry.path().extension() == ".log") found.insert(entry.path());
    }
    return found;
  };
  int tags = 20;
  while (logs().size() < 2 && tags < 1000) world.put_tag(tags++);
  world.put_tag(tags);
  REQUIRE(logs().size() == 2);
  world.disk.stop();
  dies.set_value();
  world.crash();
  world.disk.watch_by({});
  const std::filesystem::path older = *logs().begin();
  const std::filesystem::path aside = world.folder.path() / older.filename();
  std::filesystem::rename(older, aside);

  const auto refused = world.open();
  REQUIRE_FALSE(refused);
  INFO(refused.error().message);
  CHECK(refused.error().message.find("WAL") != std::string::npos);
  CHECK(refused.error().message.find(std::to_string(std::stoi(older.filename()))) != std::string::npos);
  CHECK_FALSE(world.log.contains("catalog_log_broken"));
  std::filesystem::rename(aside, older);
  REQUIRE(world.open());
  CHECK(world.has_tag(tags));
}

}  // namespace
}  // namespace breakwater::store
