// A folder that one process lends to another: what is lent, and what is not.
#include "proxy/server/lent_disk.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "proxy/server/disk_lender.h"
#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::proxy {
namespace {

using Path = std::filesystem::path;

std::string text_in(const Path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Both sides of a folder `lent`, beside a data folder and a file that is nobody else's business.
struct LentWorld {
  test::Folder folder;
  const Path data = folder.path() / "data", lent = folder.path() / "lent", secret = folder.path() / "secret";
  std::vector<std::string> lines;
  std::unique_ptr<DiskLender> lender;
  std::unique_ptr<LentDisk> disk;

  explicit LentWorld(DiskLender::For purpose) {
    std::filesystem::create_directories(data);
    std::filesystem::create_directories(lent / "below");
    std::ofstream(lent / "below/file") << "content";
    std::ofstream(secret) << "secret";
    auto begun = DiskLender::begin(data, std::nullopt, {lent, purpose},
                                   [this](const std::string& line) { lines.push_back(line); });
    REQUIRE(begun);
    lender = *std::move(begun);
    REQUIRE(LentDisk::is_name(lender->name()));
    auto connected = LentDisk::connect(data / lender->name(), {});
    REQUIRE(connected);
    disk = *std::move(connected);
  }
};

}  // namespace

TEST_CASE("what is lent is read by the descriptors of whoever lends it") {
  LentWorld world(DiskLender::For::reading);
  const auto file = world.disk->open(world.lent / "below/file");
  REQUIRE(file);
  std::string text(20, '\0');
  CHECK(world.disk->read(**file, 0, text) == size_t{7});
  CHECK(text.substr(0, 7) == "content");
  const auto found = world.disk->stat_target(world.lent / "below/file");
  REQUIRE(found);
  CHECK(found->size == 7);
  CHECK(found->is_file);
  const auto entries = world.disk->list(world.lent);
  REQUIRE(entries);
  REQUIRE(entries->size() == 1);
  CHECK(entries->front().name == "below");
  CHECK(entries->front().is_directory);
  CHECK(world.disk->open(world.lent / "none").error().kind == Error::Kind::not_found);
  world.disk->say("a line");
  CHECK(world.lines == std::vector<std::string>{"a line"});
}

TEST_CASE("the socket of a lender is gone once the server has met it, or never came") {
  LentWorld world(DiskLender::For::reading);
  REQUIRE(world.disk->stat(world.lent));
  CHECK(std::filesystem::is_empty(world.data));
  auto alone = DiskLender::begin(world.data, std::nullopt, {world.lent}, [](const std::string&) {});
  REQUIRE(alone);
  struct stat found {};
  REQUIRE(::stat((world.data / (*alone)->name()).c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);
  (*alone)->wait_for_end();
  alone->reset();
  CHECK(std::filesystem::is_empty(world.data));
}

TEST_CASE("nothing but the folder is lent, and nothing is written to one that is lent to be read") {
  LentWorld world(DiskLender::For::reading);
  for (const Path& other : {world.secret, world.lent / "../secret", world.lent / "below/../../secret",
                            Path(world.lent.string() + "-not"), Path("secret"), world.folder.path()}) {
    CAPTURE(other);
    CHECK(world.disk->open(other).error().kind == Error::Kind::denied);
    CHECK(world.disk->stat(other).error().kind == Error::Kind::denied);
    CHECK(world.disk->list(other).error().kind == Error::Kind::denied);
  }
  CHECK(world.disk->create(world.lent / "new").error().kind == Error::Kind::denied);
  CHECK(world.disk->remove(world.lent / "below/file").error().kind == Error::Kind::denied);
  CHECK(world.disk->rename(world.lent / "below/file", world.lent / "new").error().kind ==
        Error::Kind::denied);
  CHECK(world.disk->link(world.lent / "below/file", world.lent / "new").error().kind == Error::Kind::denied);
  CHECK(world.disk->make_directories(world.lent / "new").error().kind == Error::Kind::denied);
  CHECK(text_in(world.lent / "below/file") == "content");
  CHECK_FALSE(std::filesystem::exists(world.lent / "new"));
}

TEST_CASE("what is lent to be written is written, and neither beside it nor in the data folder") {
  LentWorld world(DiskLender::For::writing);
  REQUIRE(world.disk->make_directories(world.lent / "a/b"));
  const auto file = world.disk->create(world.lent / "a/b/file.new");
  REQUIRE(file);
  REQUIRE(world.disk->write(**file, 0, std::string("written")));
  REQUIRE(world.disk->sync(**file));
  REQUIRE(world.disk->rename(world.lent / "a/b/file.new", world.lent / "a/b/file"));
  REQUIRE(world.disk->sync_directory(world.lent / "a/b"));
  CHECK(text_in(world.lent / "a/b/file") == "written");
  CHECK(world.disk->rename(world.lent / "a/b/file", world.secret).error().kind == Error::Kind::denied);
  CHECK(world.disk->link(world.secret, world.lent / "got").error().kind == Error::Kind::denied);
  // By another path to the data folder.
  std::filesystem::create_directory_symlink(world.data, world.lent / "way");
  CHECK(world.disk->create(world.lent / "way/file").error().kind == Error::Kind::conflict);
  CHECK_FALSE(DiskLender::begin(world.data, std::nullopt, {world.data / "x"}, [](const std::string&) {}));
}

TEST_CASE("a lender that is gone is an error, and no name of one leads elsewhere") {
  LentWorld world(DiskLender::For::reading);
  world.lender.reset();
  CHECK(world.disk->open(world.lent / "below/file").error().kind == Error::Kind::unavailable);
  for (const char* name : {"", "lender-", "lender-1/../control", "control", "lender-x", "../lender-1"})
    CHECK_FALSE(LentDisk::is_name(name));
  CHECK(LentDisk::connect(world.data / "lender-1", {}).error().kind == Error::Kind::unavailable);
}

TEST_CASE("a message that is cut off, or too long, is broken and no more") {
  LentMessage message;
  message.add(uint64_t{7});
  message.add("text");
  LentMessage whole(message.bytes());
  CHECK(whole.number() == 7);
  CHECK(whole.text() == "text");
  CHECK_FALSE(whole.is_broken());
  CHECK(whole.number() == 0);
  CHECK(whole.is_broken());
  LentMessage cut(message.bytes().substr(0, message.bytes().size() - 1));
  CHECK(cut.number() == 7);
  CHECK(cut.text().empty());
  CHECK(cut.is_broken());
  LentMessage long_one;
  long_one.add(UINT64_MAX);
  LentMessage read(long_one.bytes());
  CHECK(read.text().empty());
  CHECK(read.is_broken());
}

}  // namespace breakwater::proxy
