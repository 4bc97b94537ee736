#include "conf/successor.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

TEST_CASE("a successor is no child of the process that has started it, and its number is known") {
  const test::Folder folder;
  const std::string file = (folder.path() / "numbers").string();
  const auto started =
      start_successor({"/bin/sh", "-c", "echo $$ $PPID > " + file + ".new; mv " + file + ".new " + file});
  REQUIRE(started);
  while (!std::filesystem::exists(file)) std::this_thread::yield();
  pid_t process = 0;
  pid_t parent = 0;
  std::ifstream(file) >> process >> parent;
  CHECK(process == *started);
  CHECK(parent != ::getpid());
}

TEST_CASE("a program that is not there any more cannot be started as a successor") {
  CHECK(start_successor({}).error().kind == Error::Kind::not_found);
  const auto started = start_successor({"/nowhere/breakwater", "serve"});
  CHECK(started.error().message == "start this program once more: No such file or directory");
}

TEST_CASE("a successor gets the arguments of this process, and is told to take over") {
  const char* const arguments[] = {"breakwater", "serve", "--config", "file"};
  const auto command = successor_command(4, arguments);
  REQUIRE(command.size() == 5);
  CHECK(command[0] == std::filesystem::read_symlink("/proc/self/exe").string());
  CHECK(command[3] == "file");
  CHECK(command[4] == "--take-over");
  CHECK(successor_command(5, std::vector{"b", "serve", "--take-over", "--data", "d"}.data()).size() == 5);
}

}  // namespace
}  // namespace breakwater::conf
