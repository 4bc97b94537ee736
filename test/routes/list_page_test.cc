#include "routes/registry/list_page.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

using Item = ListSource::Item;

// Three at a time of what the test has put here.
struct World {
  std::vector<Item> items;
  bool fails = false;
  size_t wholes = 0;  // how many long ones were read

  void add(const std::string& key, size_t bytes, bool is_listed = true) {
    Item item;
    item.key = key;
    item.is_listed = is_listed;
    item.cost = bytes;
    if (bytes > 1'000) {
      item.long_bytes = bytes;
    } else {
      item.json = std::string(bytes, key[0]);
    }
    items.push_back(item);
  }
};

class Source final : public ListSource {
 public:
  explicit Source(World& world) : world_(world) {}
  Result<Items> behind(const std::string& key) const override {
    if (world_.fails) return failure(Error::Kind::storage, "the disk is gone");
    Items some;
    some.ended = true;
    for (const Item& item : world_.items) {
      if (item.key <= key) continue;
      some.ended = some.items.size() < 3;
      if (!some.ended) break;
      some.items.push_back(item);
    }
    return some;
  }
  Result<std::string> whole(const Item& item) const override {
    ++world_.wholes;
    return std::string(item.long_bytes, item.key[0]);
  }
  std::string link_behind(const std::string& key) const override { return "behind " + key; }

 private:
  World& world_;
};

constexpr ListPage::Extent kUnbounded{UINT64_MAX, UINT64_MAX, UINT64_MAX};

ListPage page_of(World& world, const ListPage::Extent& extent = kUnbounded) {
  ListPage page(std::make_unique<Source>(world), "", extent, "[", "]");
  for (bool ended = false; !ended;) {
    const auto surveyed = page.survey();
    REQUIRE(surveyed);
    ended = *surveyed;
  }
  return page;
}

// The whole page; what is longer than a piece is asked for first.
std::string text_of(ListPage& page) {
  auto text = page.take_first();
  for (uint64_t room = 0; !page.is_ended();) {
    auto piece = page.next(room);
    REQUIRE(piece);
    CHECK(piece->json.size() <= std::max<uint64_t>(room, ListPage::kPieceBytes) + 2);
    room = piece->needs;
    text += piece->json;
  }
  return text;
}

}  // namespace

TEST_CASE("a short page is one piece, and an empty one too") {
  World world;
  auto empty = page_of(world);
  CHECK(empty.take_first() == "[]");
  CHECK(empty.is_ended());
  CHECK(empty.link().empty());
  for (const auto* key : {"a", "b", "c", "d"}) world.add(key, 2);
  auto page = page_of(world);
  CHECK(page.take_first() == "[aa,bb,cc,dd]");
  CHECK(page.is_ended());
  CHECK(page.link().empty());
}

TEST_CASE("a page ends at its extent, and has a link to the next") {
  World world;
  for (const auto* key : {"a", "b", "c", "d"}) world.add(key, 100, key[0] != 'b');
  auto two = page_of(world, {2, UINT64_MAX, UINT64_MAX});
  CHECK(two.link() == "behind c");
  CHECK(text_of(two) == "[" + std::string(100, 'a') + "," + std::string(100, 'c') + "]");
  CHECK(page_of(world, {UINT64_MAX, 3, UINT64_MAX}).link() == "behind c");
  CHECK(page_of(world, {UINT64_MAX, UINT64_MAX, 250}).link() == "behind b");
  CHECK(page_of(world, {UINT64_MAX, UINT64_MAX, 1}).link() == "behind a");
  auto none = page_of(world, {0, UINT64_MAX, UINT64_MAX});
  CHECK(none.link().empty());
  CHECK(text_of(none) == "[]");
}

TEST_CASE("what a page does not list is not read, and what is long only for its piece") {
  World world;
  world.add("a", 50'000'000, false);
  world.add("b", 100'000);
  world.add("c", 10);
  auto page = page_of(world);
  CHECK(world.wholes == 0);
  CHECK(page.take_first() == "[");
  CHECK(page.next(ListPage::kPieceBytes)->needs == 100'000);
  CHECK(world.wholes == 0);
  CHECK(text_of(page) == std::string(100'000, 'b') + "," + std::string(10, 'c') + "]");
  CHECK(world.wholes == 1);
}

TEST_CASE("a long page is the same in pieces, without what is removed meanwhile and what comes behind it") {
  World world;
  std::string expected = "[";
  for (int i = 0; i < 200; ++i) {
    const std::string key(1, static_cast<char>('A' + i / 10)), place = key + std::to_string(100 + i);
    world.add(place, 900);
    if (i != 150) expected += (i > 0 ? "," : "") + std::string(900, key[0]);
  }
  auto page = page_of(world);
  world.items.erase(world.items.begin() + 150);
  world.add("~", 900);
  CHECK(text_of(page) == expected + "]");
}

TEST_CASE("a page that cannot be read on is an error, and has no end") {
  World world;
  for (int i = 0; i < 90; ++i) world.add(std::to_string(100 + i), 900);
  auto page = page_of(world);
  page.take_first();
  world.fails = true;
  CHECK_FALSE(page.next(ListPage::kPieceBytes));
  CHECK_FALSE(page.is_ended());
  CHECK_FALSE(page.survey());
}

}  // namespace breakwater::routes
