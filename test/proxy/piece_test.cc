#include "proxy/http/piece.h"

#include <algorithm>
#include <string>
#include <utility>

#include "test/catch.h"

namespace breakwater::proxy {
namespace {

Piece piece_of(std::string_view text, size_t memory) {
  Piece piece(memory);
  std::copy(text.begin(), text.end(), piece.memory().begin());
  piece.shrink(text.size());
  return piece;
}

TEST_CASE("a piece keeps the first bytes when it shrinks, in less memory if they are few") {
  const std::string text(300'000, 'x');
  Piece piece = piece_of(text, 512 << 10);
  CHECK(piece.view() == text);
  CHECK(piece.held() == 512 << 10);
  piece.shrink(5);
  CHECK(piece.view() == "xxxxx");
  CHECK(piece.held() == 5);
  piece.shrink(0);
  CHECK(piece.empty());
  CHECK(piece.held() == 0);
  CHECK(Piece().view().empty());
}

TEST_CASE("who moves a piece has its bytes, and the other none") {
  Piece from = piece_of("hello", 100);
  Piece to = std::move(from);
  CHECK(to.view() == "hello");
  CHECK(
      from.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): it is empty by promise
  from = std::move(to);
  CHECK(from.view() == "hello");
  CHECK(to.empty());  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move): likewise
}

}  // namespace
}  // namespace breakwater::proxy
