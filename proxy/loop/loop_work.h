// What the Tasks of the loop are about, in words for the log: the request that they serve, or the chore that
// they do. A Task says it once; its waits, and the Tasks that it starts, have it from there. The words are
// kept in a ring, so a Work is a number, costs nothing to keep, and may outlive its words: then it has none.
// Belongs to the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace breakwater::proxy {

using Work = uint32_t;  // 0: nobody said what

class WorkNames {
 public:
  // At most so many bytes of the words are kept, of as many works.
  static constexpr size_t kBytesMax = 96;
  static constexpr size_t kKept = 1024;

  // The words are `subject`, and after a space `object` if there is one. Made for each request, so it does no
  // more than copy them.
  Work add(std::string_view subject, std::string_view object = {});
  // In printable characters. "" for 0, and for a work whose place others have taken since.
  std::string words_of(Work work) const;

 private:
  struct Entry {
    Work work = 0;
    uint8_t length = 0;
    std::array<char, kBytesMax> words;
  };
  std::array<Entry, kKept> entries_{};
  Work last_ = 0;
};

}  // namespace breakwater::proxy
