#include "store/base/line_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "test/catch.h"

namespace breakwater::store {
namespace {

// A folder for one test.
struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "breakwater-lines-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::string text_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// No file of this process grows beyond so many bytes, as if the disk were full.
class FileBound {
 public:
  explicit FileBound(rlim_t bytes) : ignored_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit bound{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &bound);
  }
  ~FileBound() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }

 private:
  void (*ignored_)(int);
  rlimit before_{};
};

TEST_CASE("lines go to the end of the file, and to a new one when it was moved away") {
  const Folder folder;
  const auto path = folder.path / "audit.log";
  std::ofstream(path) << "before\n";
  const auto file = LineFile::open(path, std::nullopt);
  REQUIRE(file);
  std::string lines = "one\n";
  CHECK((*file)->append(lines));
  CHECK(lines.empty());
  std::filesystem::rename(path, folder.path / "audit.log.1");
  lines = "two\n";
  CHECK((*file)->append(lines));
  CHECK(text_of(folder.path / "audit.log.1") == "before\none\n");
  CHECK(text_of(path) == "two\n");
  std::filesystem::remove(path);
  lines = "three\n";
  CHECK((*file)->append(lines));
  CHECK(text_of(path) == "three\n");
}

TEST_CASE("a file of lines is made for its owner and group, whatever the umask") {
  const Folder folder;
  const auto path = folder.path / "audit.log";
  const auto before = ::umask(0077);
  const auto file = LineFile::open(path, FolderOwner{folder.path, 1234, 1234});
  ::umask(before);
  struct stat found {};
  // Only root may give a file away.
  CHECK(file.has_value() == (::geteuid() == 0));
  if (!file) return;
  REQUIRE(::stat(path.c_str(), &found) == 0);
  CHECK((found.st_mode & 07777) == 0640);
  CHECK(found.st_uid == 1234);
  CHECK(found.st_gid == 1234);
}

TEST_CASE("a file that cannot take lines is refused with its path and what to do") {
  const Folder folder;
  const auto missing = folder.path / "nothing" / "audit.log";
  const auto fifo = folder.path / "fifo";
  const auto link = folder.path / "link";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::filesystem::create_symlink(folder.path / "elsewhere", link);
  for (const auto& path : {missing, fifo, link, folder.path}) {
    const auto file = LineFile::open(path, std::nullopt);
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == Error::Kind::invalid);
    CHECK(file.error().message.find(path.string() + " cannot be opened") == 0);
    CHECK(file.error().message.find("LogsDirectory=") != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(folder.path / "elsewhere"));
}

TEST_CASE("what a full disk did not take of a line is written behind its beginning, even if that was moved") {
  const Folder folder;
  const auto path = folder.path / "audit.log";
  const auto file = LineFile::open(path, std::nullopt);
  REQUIRE(file);
  std::string lines = "first\nsecond\n";
  {
    const FileBound bound(9);
    CHECK_FALSE((*file)->append(lines));
    CHECK(lines == "ond\n");
    CHECK_FALSE((*file)->append(lines));
  }
  std::filesystem::rename(path, folder.path / "moved");
  CHECK((*file)->append(lines));
  lines = "third\n";
  CHECK((*file)->append(lines));
  CHECK(text_of(folder.path / "moved") == "first\nsecond\n");
  CHECK(text_of(path) == "third\n");
}

}  // namespace
}  // namespace breakwater::store
