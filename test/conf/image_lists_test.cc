#include "conf/image_lists.h"

#include <sstream>

#include "routes/ops/operations.h"
#include "test/catch.h"

namespace breakwater::conf {
namespace {

using Images = std::vector<std::string>;

TEST_CASE("the images of a cluster's pods are those of all their containers, each once") {
  const auto images = images_of_pods(R"({"kind": "List", "items": [
    {"spec": {"initContainers": [{"image": "busybox:1"}],
              "containers": [{"image": "app:1"}, {"name": "none"}]}},
    {"spec": {"containers": [{"image": "app:1"}], "ephemeralContainers": [{"image": "debug:1"}]}},
    {"spec": {"containers": {}}}, {"metadata": {}}, 7]})");
  REQUIRE(images);
  CHECK(*images == Images{"busybox:1", "app:1", "debug:1"});
  CHECK(images_of_pods(R"({"items": []})") == Images());
  for (const char* text : {"", "[]", "{}", "{\"items\": 1}", "no json"}) CHECK_FALSE(images_of_pods(text));
}

TEST_CASE("a list of images has one on each line, and comments") {
  CHECK(images_of_lines("# ours\napp:1\n\n  other:2 third # both\napp:1\r\n") ==
        Images{"app:1", "other:2", "third"});
}

TEST_CASE("only fetch reads images from standard input") {
  std::istringstream in("app:1\nother:2\n");
  routes::Arguments given;
  given.add("image", "first:1");
  given.add("image", "-");
  const auto made = with_listed_images(*routes::operation_of("fetch"), given, in);
  REQUIRE(made);
  CHECK(made->words("image") == Images{"first:1", "app:1", "other:2"});
  const auto left = with_listed_images(*routes::operation_of("refresh"), given, in);
  REQUIRE(left);
  CHECK(left->words("image") == Images{"first:1", "-"});
}

}  // namespace
}  // namespace breakwater::conf
