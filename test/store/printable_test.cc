#include "store/base/printable.h"

#include "test/catch.h"

namespace breakwater::store {

TEST_CASE("what could move a cursor, turn a line round or is no text is shown as bytes") {
  struct Row {
    std::string text, shown;
  };
  for (const Row& row : {Row{"plain text, \\ and \"quotes\"", "plain text, \\ and \"quotes\""},
                         Row{"\x1b[31mred\r\n\x07", "\\x1b[31mred\\x0d\\x0a\\x07"},
                         Row{std::string("\0\x7f", 2), "\\x00\\x7f"},
                         Row{"gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x90\xb3",
                             "gr\xc3\xbc\xc3\x9f \xe6\xbc\xa2 \xf0\x9f\x90\xb3"},
                         Row{"\xc2\x9b"
                             "31m",
                             "\\xc2\\x9b31m"},
                         Row{"a\xe2\x80\xae"
                             "b\xe2\x80\xa8",
                             "a\\xe2\\x80\\xaeb\\xe2\\x80\\xa8"},
                         Row{"\xff\xc3", "\\xff\\xc3"},
                         Row{"\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80"}, Row{"", ""}}) {
    CHECK(printable(row.text) == row.shown);
  }
}

}  // namespace breakwater::store
