#include "store/files/files.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "store/capacity/budget.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::store {
namespace {

using test::content_of;
using test::digest_of;

struct World {
  test::Folder folder;
  test::FaultyDisk disk{folder.path() / "graves"};
  Files files{disk, folder.path() / "data", 2};

  World() { REQUIRE(files.prepare()); }

  Blob put(const std::string& content) {
    auto writer = files.receive("some", Algorithm::sha256);
    REQUIRE(writer);
    REQUIRE((*writer)->append(content));
    REQUIRE((*writer)->verify(digest_of(content)));
    auto blob = (*writer)->commit();
    REQUIRE(blob);
    return *blob;
  }
  std::string read(const Blob& blob) {
    std::string content(blob.size + 1, '\0');
    content.resize(*disk.read(*blob.file, 0, content));
    return content;
  }
};

TEST_CASE("without a descriptor left, files that nobody reads are closed, and what is read stays open") {
  World world;
  Files files{world.disk, world.folder.path() / "data", 100};
  world.disk.relieve_by([&files] { return files.give_back_idle(); });
  std::vector<Digest> digests;
  for (uint32_t seed = 0; seed < 40; ++seed) digests.push_back(world.put(content_of(10, seed)).digest);
  const auto read = files.open(digests[0], 10);
  REQUIRE(read);
  for (size_t i = 1; i < 20; ++i) REQUIRE(files.open(digests[i], 10));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none_left = before;
  const int last = ::dup(STDERR_FILENO);  // the lowest that was free
  none_left.rlim_cur = static_cast<rlim_t>(last) + 1;
  setrlimit(RLIMIT_NOFILE, &none_left);
  size_t opened = 0;
  for (size_t i = 20; i < 40; ++i) opened += files.open(digests[i], 10).has_value();
  const auto listed = world.disk.list(world.folder.path());
  const auto kept = files.open_if_warm(digests[0]);
  setrlimit(RLIMIT_NOFILE, &before);
  ::close(last);
  CHECK(opened == 20);
  CHECK(listed.has_value());
  CHECK(kept.has_value());
  CHECK(read->file == kept->file);
  world.disk.relieve_by(nullptr);
}

TEST_CASE("what was received and committed is read back") {
  World world;
  const std::string content = content_of(300'000, 1);
  CHECK(world.read(world.put(content)) == content);
  const auto blob = world.files.open(digest_of(content), content.size());
  REQUIRE(blob);
  CHECK(world.read(*blob) == content);
  CHECK(std::filesystem::exists(world.files.path_of(digest_of(content))));
  CHECK(world.files.partials()->empty());
  CHECK(world.files.receiving_bytes() == 0);
}

TEST_CASE("an absent blob is not found") {
  World world;
  CHECK(world.files.open(digest_of("x"), 1).error().kind == Error::Kind::not_found);
  CHECK(world.files.delete_blob(digest_of("x")).error().kind == Error::Kind::not_found);
  CHECK_FALSE(world.files.open_if_warm(digest_of("x")));
}

TEST_CASE("content that is not its digest is corrupt and leaves nothing") {
  World world;
  auto writer = *world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer->append(content_of(10, 1)));
  CHECK(writer->verify(digest_of("other")).error().kind == Error::Kind::corrupt);
  writer->delete_partial();
  CHECK(world.files.partials()->empty());
  CHECK(test::stored_digests(world.files).empty());
}

TEST_CASE("a partial is resumed where it ended, by another writer after another start") {
  World world;
  const std::string content = content_of(700'000, 2);
  {
    auto writer = *world.files.receive("some", Algorithm::sha256);
    REQUIRE(writer->append(std::span(content).first(600'001)));
  }
  Files again(world.disk, world.folder.path() / "data");
  REQUIRE(again.prepare());
  auto writer = *again.receive("some", Algorithm::sha256);
  CHECK(writer->written() == 600'001);
  CHECK(again.receiving_bytes() == on_disk(600'001));
  REQUIRE(writer->append(std::span(content).subspan(600'001)));
  REQUIRE(writer->verify(digest_of(content)));
  REQUIRE(writer->commit());
}

TEST_CASE("what a partial holds is hashed again in as many pieces as one likes, and counts before") {
  World world;
  const std::string content = content_of(700'000, 2);
  {
    auto writer = *world.files.receive("some", Algorithm::sha256);
    REQUIRE(writer->append(std::span(content).first(600'000)));
  }
  auto writer = *world.files.receive("some", Algorithm::sha256);
  CHECK(writer->written() == 600'000);
  CHECK(world.files.receiving_bytes() == on_disk(600'000));
  CHECK(writer->catch_up(250'000) == false);
  CHECK(writer->catch_up(250'000) == false);
  CHECK(writer->catch_up(250'000) == true);
  REQUIRE(writer->append(std::span(content).subspan(600'000)));
  REQUIRE(writer->verify(digest_of(content)));
}

TEST_CASE("a disk that fails while a partial is hashed again spoils nothing") {
  World world;
  const std::string content = content_of(700'000, 2);
  {
    auto writer = *world.files.receive("some", Algorithm::sha256);
    REQUIRE(writer->append(content));
  }
  auto writer = *world.files.receive("some", Algorithm::sha256);
  world.disk.fail_at(2);
  const auto failed = writer->catch_up(UINT64_MAX);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == Error::Kind::storage);
  world.disk.heal();
  CHECK(writer->catch_up(UINT64_MAX) == true);
  REQUIRE(writer->verify(digest_of(content)));
}

TEST_CASE("a writer that is rewound goes on from there") {
  World world;
  const std::string content = content_of(700'000, 2);
  const auto kept = GENERATE(size_t(0), size_t(300'001));
  auto writer = *world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer->append(std::span(content).first(kept)));
  REQUIRE(writer->append(content_of(400'000, 9)));
  REQUIRE(writer->rewind(kept));
  CHECK(writer->written() == kept);
  CHECK(world.files.receiving_bytes() == on_disk(kept));
  REQUIRE(writer->append(std::span(content).subspan(kept)));
  REQUIRE(writer->verify(digest_of(content)));
}

TEST_CASE("content received under one algorithm can be verified by a digest of the other") {
  World world;
  const std::string content = content_of(300'000, 3);
  auto writer = *world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer->append(content));
  const Digest digest = store::digest_of(Algorithm::sha512, content);
  REQUIRE(writer->verify(digest));
  REQUIRE(writer->commit());
  CHECK(world.files.open(digest, content.size()));
}

TEST_CASE("an id has one writer at a time") {
  World world;
  auto writer = world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer);
  CHECK(world.files.receive("some", Algorithm::sha256).error().kind == Error::Kind::conflict);
  writer->reset();
  CHECK(world.files.receive("some", Algorithm::sha256));
}

TEST_CASE("a piece that could not be written whole can be appended again") {
  World world;
  const std::string content = content_of(100'000, 4);
  auto writer = *world.files.receive("some", Algorithm::sha256);
  world.disk.full_after(60'000);
  CHECK(writer->append(content).error().kind == Error::Kind::full);
  CHECK(writer->written() == 0);
  CHECK(world.files.partials()->at(0).stat.size == 0);
  world.disk.heal();
  REQUIRE(writer->append(content));
  REQUIRE(writer->verify(digest_of(content)));
  CHECK(writer->commit());
}

TEST_CASE("what a piece has left behind that could not be cut off is no part of the blob") {
  World world;
  const std::string content = content_of(100'000, 4), piece = content.substr(40'000);
  auto writer = *world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer->append({content.data(), 40'000}));
  world.disk.full_after(50'000);
  world.disk.fail_each(test::FaultyDisk::Operation::truncate);
  REQUIRE(writer->append(piece).error().kind == Error::Kind::full);
  REQUIRE(world.files.partials()->at(0).stat.size == 90'000);
  const std::string shorter = content.substr(0, 40'000);

  SECTION("it is cut off before the commit") {
    world.disk.heal();
    REQUIRE(writer->verify(digest_of(shorter)));
    const auto blob = writer->commit();
    REQUIRE(blob);
    CHECK(std::filesystem::file_size(world.files.path_of(blob->digest)) == 40'000);
    CHECK(world.files.open(blob->digest, 40'000));
  }
  SECTION("or nothing is committed") {
    REQUIRE(writer->verify(digest_of(shorter)));
    REQUIRE_FALSE(writer->commit());
    CHECK(test::stored_digests(world.files).empty());
    world.disk.heal();
    REQUIRE(writer->commit());
    CHECK(std::filesystem::file_size(world.files.path_of(digest_of(shorter))) == 40'000);
  }
}

TEST_CASE("a partial that another hand has made longer or shorter is not committed") {
  World world;
  const std::string content = content_of(5000, 4);
  auto writer = *world.files.receive("some", Algorithm::sha256);
  REQUIRE(writer->append(content));
  REQUIRE(writer->verify(digest_of(content)));
  std::filesystem::resize_file(world.files.path_of_partial("some"), GENERATE(4999, 5001));
  CHECK(writer->commit().error().kind == Error::Kind::corrupt);
  CHECK(test::stored_digests(world.files).empty());
}

TEST_CASE("a file of the wrong size is removed and never served") {
  World world;
  const std::string content = content_of(5000, 5);
  for (const uint64_t size : {uint64_t{0}, uint64_t{4999}, uint64_t{5001}}) {
    world.put(content);
    Files again(world.disk, world.folder.path() / "data");
    std::filesystem::resize_file(again.path_of(digest_of(content)), size);
    CHECK(again.open(digest_of(content), content.size()).error().kind == Error::Kind::corrupt);
    CHECK_FALSE(std::filesystem::exists(again.path_of(digest_of(content))));
  }
}

TEST_CASE(
    "an open file that was cut off, grown or removed behind our back is warm no more, and opened anew") {
  World world;
  const std::string content = content_of(5000, 5);
  for (const uint64_t size : {uint64_t{0}, uint64_t{4999}, uint64_t{5001}}) {
    const Digest digest = world.put(content).digest;
    REQUIRE(world.files.open_if_warm(digest));
    std::filesystem::resize_file(world.files.path_of(digest), size);
    CHECK_FALSE(world.files.open_if_warm(digest));
    CHECK(world.files.open(digest, content.size()).error().kind == Error::Kind::corrupt);
    CHECK_FALSE(std::filesystem::exists(world.files.path_of(digest)));
  }
  const Digest digest = world.put(content).digest;
  std::filesystem::remove(world.files.path_of(digest));
  CHECK_FALSE(world.files.open_if_warm(digest));
  CHECK(world.files.open(digest, content.size()).error().kind == Error::Kind::not_found);
}

TEST_CASE("a reader keeps a removed blob, and nobody else gets it") {
  World world;
  const std::string content = content_of(5000, 6);
  const Blob blob = world.put(content);
  REQUIRE(world.files.delete_blob(blob.digest));
  CHECK(world.read(blob) == content);
  CHECK_FALSE(world.files.open_if_warm(blob.digest));
  CHECK(world.files.open(blob.digest, blob.size).error().kind == Error::Kind::not_found);
}

TEST_CASE("what somebody reads is not removed by trash_unless_read, however many other blobs are opened") {
  World world;
  std::optional<Blob> read = world.put(content_of(10, 7));
  const Digest digest = read->digest;
  for (uint32_t seed = 100; seed < 110; ++seed) world.put(content_of(10, seed));
  CHECK(world.files.is_read(digest));
  CHECK(*world.files.trash_unless_read(digest) == false);
  read.reset();
  CHECK_FALSE(world.files.is_read(digest));
  CHECK(*world.files.trash_unless_read(digest) == true);
  CHECK(world.files.open(digest, 10).error().kind == Error::Kind::not_found);
}

TEST_CASE("a warm blob is opened without the disk") {
  World world;
  const Digest digest = world.put(content_of(10, 8)).digest;
  const uint64_t before = world.disk.operations();
  CHECK(world.files.open_if_warm(digest));
  CHECK(world.disk.operations() == before);
}

TEST_CASE("only so many unread files stay open") {
  World world;
  std::vector<Digest> digests;
  for (uint32_t seed = 0; seed < 5; ++seed) digests.push_back(world.put(content_of(10, seed)).digest);
  size_t warm = 0;
  for (const Digest& digest : digests) warm += world.files.open_if_warm(digest).has_value();
  CHECK(warm <= 3);  // the bound, and the newest, which its writer still held
  CHECK(world.files.open_if_warm(digests.back()));
}

TEST_CASE("foreign files among the blobs are left alone and not listed") {
  World world;
  const Digest digest = world.put(content_of(10, 9)).digest;
  std::filesystem::copy(world.files.path_of(digest), world.folder.path() / "data/blobs/sha256/README");
  std::filesystem::copy(world.files.path_of(digest),
                        world.files.path_of(digest).parent_path() / "lost+found");
  REQUIRE(test::stored_digests(world.files).size() == 1);
  CHECK(test::stored_digests(world.files).at(0) == digest);
}

TEST_CASE("a commit that fails at any step leaves a partial, or nothing, but no blob") {
  const std::string content = content_of(5000, 10);
  for (uint64_t step = 1; step < 10; ++step) {
    World world;
    auto writer = *world.files.receive("some", Algorithm::sha256);
    REQUIRE(writer->append(content));
    REQUIRE(writer->verify(digest_of(content)));
    world.disk.fail_at(step);
    if (writer->commit()) break;
    CHECK(writer->is_partial());
    CHECK(test::stored_digests(world.files).empty());
    CHECK(writer->commit().has_value() != writer->is_lost());
  }
}

TEST_CASE("a commit that fails over a stored blob leaves that one") {
  const std::string content = content_of(5000, 11);
  for (uint64_t step = 1; step < 10; ++step) {
    World world;
    world.put(content);
    auto writer = *world.files.receive("again", Algorithm::sha256);
    REQUIRE(writer->append(content));
    REQUIRE(writer->verify(digest_of(content)));
    world.disk.fail_at(step);
    const bool committed = writer->commit().has_value();
    world.disk.heal();
    writer.reset();
    Files again(world.disk, world.folder.path() / "data");
    CHECK(again.open(digest_of(content), content.size()));
    CHECK(world.files.receiving_bytes() == 0);
    if (committed) break;
  }
}

TEST_CASE("threads that open, evict and receive the same blobs only ever see whole ones") {
  test::Folder folder;
  const auto disk = make_posix_disk();
  Files files(*disk, folder.path(), 2);
  REQUIRE(files.prepare());
  std::vector<std::string> contents;
  for (uint32_t seed = 0; seed < 4; ++seed) contents.push_back(content_of(9000, seed));
  std::atomic<int> wrong = 0;
  const auto work = [&](size_t offset) {
    for (size_t i = 0; i < 150; ++i) {
      const std::string& content = contents[(i + offset) % contents.size()];
      const Digest digest = digest_of(content);
      if (auto writer = files.receive(digest.hex(), Algorithm::sha256)) {
        if ((*writer)->written() == 0) wrong += !(*writer)->append(content).has_value();
        if (!(*writer)->verify(digest) || !(*writer)->commit()) ++wrong;
      }
      if (const auto blob = files.open(digest, content.size())) {
        std::string found(content.size(), '\0');
        wrong += disk->read(*blob->file, 0, found) != content.size() || found != content;
      }
      if (i % 3 == 0) (void)files.trash_unless_read(digest);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(files.receiving_bytes() == 0);
}

}  // namespace
}  // namespace breakwater::store
